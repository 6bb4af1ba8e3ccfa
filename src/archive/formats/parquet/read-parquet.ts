/** Reads Parquet files of ours, row group by row group. */
import { zstdDecompressSync } from 'node:zlib';
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import type { ParquetRow } from './parquet-file.ts';

/**
 * The rows of each row group, with all columns that the file has. Throws whatever the reader throws of a file that is none.
 * @param file an ArrayBuffer, or hyparquet's `asyncBufferFromFile(path)`
 */
export async function* parquetRowGroups(file: AsyncBuffer | ArrayBuffer): AsyncGenerator<ParquetRow[]> {
  const buffer = file instanceof ArrayBuffer ? inMemory(file) : file;
  const metadata = textColumns(await parquetMetadataAsync(buffer));
  let rowStart = 0;
  for (const { num_rows } of metadata.row_groups) {
    const rowEnd = rowStart + Number(num_rows);
    yield (await parquetReadObjects({
      file: buffer,
      metadata,
      rowStart,
      rowEnd,
      compressors: { ZSTD: (input) => zstdDecompressSync(input) },
    })) as ParquetRow[];
    rowStart = rowEnd;
  }
}

/** JSON that comes parsed is not what it was, byte for byte. */
function textColumns(metadata: FileMetaData): FileMetaData {
  for (const element of metadata.schema) {
    if (element.converted_type !== 'JSON') continue;
    element.converted_type = 'UTF8';
    delete element.logical_type;
  }
  return metadata;
}

function inMemory(bytes: ArrayBuffer): AsyncBuffer {
  return { byteLength: bytes.byteLength, slice: (start, end) => bytes.slice(start, end) };
}
