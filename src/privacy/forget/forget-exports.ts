/**
 * Rewrites what pipelines exported (`exports/<pipeline>/2026/11/21/twitch/xqc.jsonl.zst`, or `.parquet`). Those are lines,
 * too; in Parquet with some of their members as columns beside them. A Parquet object is held in memory meanwhile.
 */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import type { Config } from '../../config/schema.ts';
import { RECORD_FORMAT_VERSION } from '../../event.ts';
import { IdenticalLines } from '../../index/identical-lines.ts';
import { indexLine } from '../../index/message-row.ts';
import { ExportFile } from '../../index/retention/steps/export-file.ts';
import { writeParquet } from '../../index/retention/steps/write-parquet.ts';
import type { StoredRow } from '../../index/stored-row.ts';
import { ChatlogError } from '../../lib/errors.ts';
import { channelPath, encodeName } from '../../segment-name.ts';
import { collectBytes } from '../../storage/collect-bytes.ts';
import { objectDigest } from '../../storage/compare-object.ts';
import { LinesTally } from '../../uploading/lines-tally.ts';
import { type ForgetObjectsOptions, forgetObject, type ObjectReport } from './forget-objects.ts';
import type { LineJudge } from './line-judge.ts';

export type ForgetExportsOptions = Omit<ForgetObjectsOptions, 'onRewritten' | 'fromMs'> & {
  /** Prefixes that pipelines wrote to; see {@link exportPrefixes}. */
  prefixes: readonly string[];
};

/** Where pipelines export to, by default and by configuration. What earlier configurations named is not known any more. */
export function exportPrefixes({ pipelines }: Pick<Config, 'pipelines'>): string[] {
  const steps = Object.values(pipelines).flat();
  return [...new Set(['exports/', ...steps.flatMap((step) => (step.step === 'export' ? step.prefix : []))])];
}

export async function forgetExports(options: ForgetExportsOptions): Promise<void> {
  const { store, prefixes, judge, signal, onObject } = options;
  for (const prefix of prefixes) {
    for await (const { key } of store.list(prefix, signal)) {
      if (!isConcerned(key, judge)) continue;
      if (key.endsWith('.parquet')) onObject(await forgetParquet(key, options));
      else onObject(await forgetObject(key, 'zstd', { ...options, onRewritten: async () => {} }));
    }
  }
}

const NAMED = /\/\d{4}\/\d\d\/\d\d\/([^/]+)\/([^/]+)\.(?:jsonl\.zst|parquet)$/;

function isConcerned(key: string, { platform, channel }: LineJudge): boolean {
  const path = NAMED.exec(key);
  if (!path) return false;
  if (channel !== undefined) return `${path[1]}/${path[2]}` === channelPath(platform, channel);
  return path[1] === encodeName(platform);
}

/** A row as it was exported; the columns that are members of its line are made of the line again. */
interface ExportedRow {
  timestamp: Date;
  deleted_at: Date | null;
  status: string | null;
  line: string;
}

async function forgetParquet(key: string, options: ForgetExportsOptions): Promise<ObjectReport> {
  const { store, judge, scratch, signal } = options;
  const head = await store.head(key, signal);
  if (!head) return { key, removed: 0, blanked: 0 };
  const rows = await readExportedRows(await collectBytes(store.get(key, signal)));
  const report: ObjectReport = { key, removed: 0, blanked: 0 };
  const kept = rows.flatMap((row) => judgeRow(row, judge, report));
  if (report.removed + report.blanked === 0) return report;
  if (kept.length === 0) {
    await store.remove(key, signal);
    return report;
  }
  const path = join(scratch, `forget-${randomUUID()}`);
  const file = await ExportFile.create(path);
  try {
    const tally = new LinesTally();
    await writeParquet(pagesOf(kept), file, tally);
    const { formatVersion = RECORD_FORMAT_VERSION, instance = '' } = head.description ?? {};
    const description = { ...tally.finish(), ...(await file.finish()), formatVersion, instance };
    const digest = await objectDigest(store, key, head, signal);
    if ((await store.replace(key, { path, description }, digest, signal)) === 'changed')
      throw new ChatlogError('object_changes', `${key} was changed meanwhile`, { retryable: true });
    return report;
  } finally {
    await file.close();
    await rm(path, { force: true });
  }
}

function judgeRow(row: ExportedRow, judge: LineJudge, report: ObjectReport): ExportedRow[] {
  if (!judge.mayConcern(row.line)) return [row];
  const line = indexLine(Buffer.from(row.line), new IdenticalLines());
  if ('rejected' in line) return [row];
  const verdict = judge.judge(line);
  if (verdict === 'keep') return [row];
  if (verdict === 'remove') {
    report.removed++;
    return [];
  }
  report.blanked++;
  return [{ ...row, line: JSON.stringify(verdict) }];
}

/** Of a Parquet object of ours; throws whatever the reader throws of another. */
export async function readExportedRows(bytes: Buffer): Promise<ExportedRow[]> {
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  const metadata = parquetMetadata(file);
  // Read as JSON it would come parsed; it is wanted byte for byte.
  for (const element of metadata.schema) {
    if (element.name !== 'line') continue;
    element.converted_type = 'UTF8';
    delete element.logical_type;
  }
  const rows = await parquetReadObjects({
    file,
    metadata,
    columns: ['timestamp', 'deleted_at', 'status', 'line'],
    compressors: { ZSTD: (input) => zstdDecompressSync(input) },
  });
  return rows as unknown as ExportedRow[];
}

const PAGE_ROWS = 1_000;

/** The exporter takes rows of the index: of those it reads no more than is here. */
async function* pagesOf(rows: readonly ExportedRow[]): AsyncGenerator<StoredRow[]> {
  for (let start = 0; start < rows.length; start += PAGE_ROWS) {
    yield rows
      .slice(start, start + PAGE_ROWS)
      .map(
        ({ timestamp, deleted_at, status, line }) =>
          ({ ts: timestamp, deleted_at, status, template: null, rest: line }) as StoredRow,
      );
  }
}
