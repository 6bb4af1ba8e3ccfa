import { constants, createZstdCompress } from 'node:zlib';
import { pump } from '../../../uploading/file-chunks.ts';
import type { LinesTally } from '../../../uploading/lines-tally.ts';
import { storedLine } from '../../message-row.ts';
import type { ExportFile, RowPages } from './export-file.ts';

const ZSTD_LEVEL = 9;

/** The archive's own lines, byte for byte, compressed with zstd. */
export async function writeJsonl(pages: RowPages, file: ExportFile, tally: LinesTally): Promise<void> {
  const lines = async function* (): AsyncGenerator<Buffer> {
    for await (const page of pages) {
      const bytes = Buffer.from(page.map((row) => `${storedLine(row)}\n`).join(''));
      tally.update(bytes);
      yield bytes;
    }
  };
  const compressor = createZstdCompress({
    params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL, [constants.ZSTD_c_checksumFlag]: 1 },
  });
  await pump(lines(), compressor, (bytes) => file.write(bytes));
}
