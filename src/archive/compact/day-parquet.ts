/** Parquet beside a day object: the same lines as a table, made of it again whenever it has changed. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ChatlogError } from '../../lib/errors.ts';
import { decodeName } from '../../segment-name.ts';
import type { ObjectHead, SegmentDescription } from '../../storage/object-store.ts';
import type { StoredSegment } from '../../storage/read-segment.ts';
import type { ChannelDay, CompactTools } from './compact-tools.ts';
import { dayObjectLines, scannerOf } from './day-lines.ts';
import { parquetKey } from './parquet-key.ts';
import { copySources } from './source-copies.ts';
import { demandStored } from './stored-day.ts';

export interface MadeParquet {
  key: string;
  bytes: number;
  isNew: boolean;
}

const ATTEMPTS_MAX = 5;

/**
 * What is there of these very lines stays; of others it is replaced. Somebody may be forgotten in the day object while the
 * table is made of it: then it is made again. Throws what store and disk say.
 */
export async function makeParquet(
  day: ChannelDay,
  object: StoredSegment,
  tools: CompactTools,
): Promise<MadeParquet> {
  const { store, signal } = tools;
  const key = parquetKey(day);
  let isNew = false;
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const source = await store.head(object.key, signal);
    const table = await store.head(key, signal);
    if (!source?.description) throw new ChatlogError('object_missing', `${object.key} is not there any more`);
    if (isTableOf(table, source.description)) return { key, bytes: table!.bytes, isNew };
    await putTable(
      day,
      key,
      { object, description: source.description, isThere: table !== undefined },
      tools,
    );
    isNew = true;
  }
  throw new ChatlogError('object_changes', `${object.key} changes all the time`, { retryable: true });
}

/** Whether there is one of the lines as the object has them now. */
export async function hasParquet(
  day: ChannelDay,
  object: StoredSegment,
  { store, signal }: Pick<CompactTools, 'store' | 'signal'>,
): Promise<boolean> {
  const source = await store.head(object.key, signal);
  return (
    source?.description !== undefined &&
    isTableOf(await store.head(parquetKey(day), signal), source.description)
  );
}

function isTableOf(table: ObjectHead | undefined, { linesSha256 }: SegmentDescription): boolean {
  return table?.description?.linesSha256 === linesSha256 && table.description.objectBytes === table.bytes;
}

async function putTable(
  day: ChannelDay,
  key: string,
  {
    object,
    description,
    isThere,
  }: { object: StoredSegment; description: SegmentDescription; isThere: boolean },
  tools: CompactTools,
): Promise<void> {
  const { store, pool, scratch, signal } = tools;
  const { writeTable } = await import('../formats/parquet/write-table.ts');
  const directory = await mkdtemp(join(scratch, 'table-'));
  try {
    const copies = await copySources(store, [object], directory, signal);
    const lines = dayObjectLines(scannerOf(copies, pool, signal), object);
    const path = join(directory, 'table');
    const title = `${decodeName(day.platform) ?? day.platform}/${decodeName(day.channel) ?? day.channel}`;
    const written = await writeTable(lines, path, title);
    // Of the lines that were copied, which may be others by now.
    const body = { path, description: { ...description, ...copies[0]!.description, ...written } };
    // Somebody may have been forgotten in it since, and the forgetting has passed by here.
    const now = await store.head(object.key, signal);
    if (now?.description?.linesSha256 !== body.description.linesSha256) return;
    if (isThere) await store.overwrite(key, body, signal);
    else if ((await store.put(key, body, signal)) === 'conflict')
      throw new ChatlogError('key_taken', `${key} was taken by somebody else`, { retryable: true });
    await demandStored(key, body.description.linesSha256, tools);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
