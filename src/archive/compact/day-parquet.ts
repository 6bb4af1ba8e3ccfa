/** Parquet beside a day object: the same lines as a table, made of it again whenever it has changed. */
import { createHash } from 'node:crypto';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ChatlogError } from '../../lib/errors.ts';
import { decodeName } from '../../segment-name.ts';
import type { SegmentDescription } from '../../storage/object-store.ts';
import { daySpan } from '../../storage/segment-span.ts';
import type { LineBatch } from '../scan/line-batch.ts';
import type { ChannelDay, CompactTools, MadeDay } from './compact-tools.ts';
import { dayObjectLines, scannerOf } from './day-lines.ts';
import { parquetKey } from './parquet-key.ts';
import { copySources } from './source-copies.ts';
import { demandStored } from './stored-day.ts';

export interface MadeParquet {
  key: string;
  bytes: number;
  isNew: boolean;
}

/** What is there of these very lines stays; of others it is replaced. Throws what store and disk say. */
export async function makeParquet(
  day: ChannelDay,
  { object, description }: Pick<MadeDay, 'object' | 'description'>,
  tools: CompactTools,
): Promise<MadeParquet> {
  const { store, pool, scratch, signal } = tools;
  const key = parquetKey(day);
  const head = await store.head(key, signal);
  const isCurrent =
    head?.description?.linesSha256 === description.linesSha256 && head.description.objectBytes === head.bytes;
  if (isCurrent) return { key, bytes: head.bytes, isNew: false };
  const directory = join(scratch, 'parquet');
  await mkdir(directory, { recursive: true });
  try {
    const copies = await copySources(store, [object], directory, signal);
    const lines = dayObjectLines(scannerOf(copies, pool, signal), object);
    const path = join(directory, 'table');
    const written = await writeParquet(lines, path, day);
    const body = { path, description: { ...description, ...written } };
    if (head) await store.overwrite(key, body, signal);
    else if ((await store.put(key, body, signal)) === 'conflict')
      throw new ChatlogError('key_taken', `${key} was taken by somebody else`, { retryable: true });
    await demandStored(key, description.linesSha256, tools);
    return { key, bytes: written.objectBytes, isNew: true };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function writeParquet(
  lines: AsyncIterable<LineBatch>,
  path: string,
  day: ChannelDay,
): Promise<Pick<SegmentDescription, 'objectSha256' | 'objectBytes'>> {
  const { PARQUET } = await import('../formats/parquet/parquet.ts');
  const title = `${decodeName(day.platform) ?? day.platform}/${decodeName(day.channel) ?? day.channel}`;
  const table = PARQUET.open({ title, ...daySpan(day), hasManyChannels: false });
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
