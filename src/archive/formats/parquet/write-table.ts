/** Lines to a Parquet file on the disk. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { SegmentDescription } from '../../../storage/object-store.ts';
import type { LineBatch } from '../../scan/line-batch.ts';
import { PARQUET } from './parquet.ts';

/** A new file, synced; what is to be said of it as an object. Throws what the disk or the lines' source says. */
export async function writeTable(
  lines: AsyncIterable<LineBatch>,
  path: string,
  title: string,
): Promise<Pick<SegmentDescription, 'objectSha256' | 'objectBytes'>> {
  const table = PARQUET.open({ title, fromMs: undefined, toMs: undefined, hasManyChannels: false });
  const hash = createHash('sha256');
  let objectBytes = 0;
  const file = await open(path, 'wx');
  try {
    const write = async (bytes: Uint8Array) => {
      hash.update(bytes);
      objectBytes += bytes.length;
      await file.writeFile(bytes);
    };
    for await (const batch of lines) await write(await table.write(batch));
    await write(await table.end());
    await file.sync();
  } finally {
    await file.close();
  }
  return { objectSha256: hash.digest('hex'), objectBytes };
}
