/**
 * Rewrites what pipelines exported (`exports/<pipeline>/2026/11/21/twitch/xqc.jsonl.zst`, or `.parquet`). Those are lines,
 * too; in Parquet with some of their members as columns beside them. A Parquet object is held in memory meanwhile.
 */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../config/schema.ts';
import { RECORD_FORMAT_VERSION } from '../../event.ts';
import { IdenticalLines } from '../../index/identical-lines.ts';
import { indexLine } from '../../index/message-row.ts';
import { ExportFile } from '../../index/retention/steps/export-file.ts';
import {
  type ExportedRow,
  readExportedRows,
  writeParquet,
} from '../../index/retention/steps/write-parquet.ts';
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

/** Pages of any size will do: the row groups are the writer's business. */
async function* pagesOf(rows: readonly ExportedRow[]): AsyncGenerator<readonly ExportedRow[]> {
  yield rows;
}
