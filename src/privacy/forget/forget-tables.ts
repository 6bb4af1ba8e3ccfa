/**
 * Rewrites the Parquet tables that `chatlog compact` made of days (`parquet/dt=2026-11-21/platform=twitch/xqc.parquet`). A
 * line is given back of its row byte for byte, judged as in every object, and made a row again. Memory: a row group.
 */
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { asyncBufferFromFile } from 'hyparquet';
import { PARQUET_PREFIX, parseParquetKey } from '../../archive/compact/parquet-key.ts';
import { rowLine } from '../../archive/formats/parquet/line-row.ts';
import { parquetRowGroups } from '../../archive/formats/parquet/read-parquet.ts';
import { writeTable } from '../../archive/formats/parquet/write-table.ts';
import { LineCutter } from '../../archive/scan/cut-lines.ts';
import type { LineBatch } from '../../archive/scan/line-batch.ts';
import { emptyReport } from '../../archive/scan/scan-request.ts';
import { RECORD_FORMAT_VERSION } from '../../event.ts';
import { ChatlogError } from '../../lib/errors.ts';
import { channelPath, decodeName } from '../../segment-name.ts';
import { objectDigest } from '../../storage/compare-object.ts';
import { daySpan } from '../../storage/segment-span.ts';
import { OPEN_GATE } from '../privacy-gate.ts';
import type { ForgetObjectsOptions, ObjectReport } from './forget-objects.ts';
import type { LineJudge } from './line-judge.ts';
import { rewriteLines } from './rewrite-lines.ts';

export type ForgetTablesOptions = Omit<ForgetObjectsOptions, 'onRewritten' | 'touched'>;

export async function forgetTables(options: ForgetTablesOptions): Promise<void> {
  const { store, judge, fromMs = Number.NEGATIVE_INFINITY, signal, onObject } = options;
  for await (const { key } of store.list(PARQUET_PREFIX, signal)) {
    const name = parseParquetKey(key);
    if (name && isConcerned(name, judge) && daySpan(name).toMs > fromMs)
      onObject(await forgetTable(key, options));
  }
}

type TableName = NonNullable<ReturnType<typeof parseParquetKey>>;

function isConcerned({ platform, channel }: TableName, judge: LineJudge): boolean {
  const path = channelPath(judge.platform, judge.channel ?? '');
  return judge.channel === undefined ? path.startsWith(`${platform}/`) : path === `${platform}/${channel}`;
}

async function forgetTable(key: string, options: ForgetTablesOptions): Promise<ObjectReport> {
  const { store, judge, signal } = options;
  const directory = await mkdtemp(join(options.scratch, 'forget-'));
  const report: ObjectReport = { key, removed: 0, blanked: 0 };
  try {
    const head = await store.head(key, signal);
    if (!head) return report;
    const table = join(directory, 'table');
    await copy(store.get(key, signal), table);
    const lines = join(directory, randomUUID());
    const { formatVersion = RECORD_FORMAT_VERSION, instance = '' } = head.description ?? {};
    const rewritten = await rewriteLines({
      read: () => tableLines(table, key),
      to: lines,
      compression: 'none',
      origin: { formatVersion, instance },
      judge,
      signal,
    });
    if (!rewritten) return report;
    const { removed, blanked, description } = rewritten;
    if (!description) await store.remove(key, signal);
    else {
      const path = join(directory, 'rewritten');
      const written = await writeTable(batchesOf(lines, key), path, key);
      const digest = await objectDigest(store, key, head, signal);
      const body = { path, description: { ...description, ...written } };
      if ((await store.replace(key, body, digest, signal)) === 'changed')
        throw new ChatlogError('object_changes', `${key} was changed meanwhile`, { retryable: true });
    }
    return { key, removed, blanked };
  } catch (error) {
    if (error instanceof ChatlogError && error.code === 'object_corrupt')
      return { ...report, unreadable: true };
    // Removed since the look.
    if (error instanceof ChatlogError && error.code === 'object_missing') return report;
    throw error;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function copy(source: AsyncIterable<Uint8Array>, path: string): Promise<void> {
  const file = await open(path, 'wx');
  try {
    for await (const chunk of source) await file.writeFile(chunk);
  } finally {
    await file.close();
  }
}

async function* tableLines(path: string, key: string): AsyncGenerator<Buffer> {
  try {
    for await (const rows of parquetRowGroups(await asyncBufferFromFile(path)))
      for (const row of rows) yield Buffer.concat([rowLine(row), NEWLINE]);
  } catch (cause) {
    throw new ChatlogError('object_corrupt', `${key} is no Parquet of ours`, { cause });
  }
}

const NEWLINE = Buffer.from('\n');

/** The lines of a plain file, as they are. */
async function* batchesOf(path: string, key: string): AsyncGenerator<LineBatch> {
  const name = parseParquetKey(key)!;
  const [platform, channel] = [name.platform, name.channel].map((text) => decodeName(text) ?? text) as [
    string,
    string,
  ];
  const everything = { fromMs: undefined, toMs: undefined, users: [] };
  const segment = { key, platform, channel, span: daySpan(name) };
  const cutter = new LineCutter(segment, everything, OPEN_GATE, emptyReport());
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) yield cutter.cut(chunk);
  yield cutter.finish();
}

const CHUNK_BYTES = 1024 * 1024;
