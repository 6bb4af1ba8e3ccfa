/** One look through everything that is held, and what was decided together taken out of it. */
import { emptyUploadedFacts } from '../../archive/manifest/uploaded-facts.ts';
import type { Database } from '../../index/database/database.ts';
import { removeBrokenIndexes } from '../../index/open-index-database.ts';
import { withMaintenanceLock } from '../../index/retention/maintenance-lock.ts';
import { blankRows } from './blank-rows.ts';
import { type ForgetFilesOptions, forgetFiles } from './forget-files.ts';
import { type ForgetObjectsOptions, forgetObjects } from './forget-objects.ts';
import { forgetPersonRows } from './forget-person-rows.ts';
import type { ForgetTally } from './forget-report.ts';
import { applyToRows, purgeMessageRow } from './forget-rows.ts';
import type { ForgetProgress, ForgetterOptions } from './forgetter.ts';
import { allJudges, type ForgettingDecision, type LineJudge, lineJudge } from './line-judge.ts';
import type { Rewritten } from './rewrite-lines.ts';
import { TouchedObjects } from './touched-objects.ts';

/** A decision that is to be carried out, and how far it is. */
export interface ForgetTask {
  decision: ForgettingDecision;
  needles: readonly string[] | undefined;
  progress: ForgetProgress;
  /** Fills the report of the progress, through all attempts. */
  tally: ForgetTally;
}

type CarryOutOptions = Pick<ForgetterOptions, 'spool' | 'keepers' | 'store' | 'database' | 'config'>;

/** Can be done again at any time. Rejects with what a step failed with. */
export async function carryOut(
  tasks: readonly ForgetTask[],
  options: CarryOutOptions,
  signal: AbortSignal,
): Promise<void> {
  const { database, config } = options;
  const windowMs = config().index.moderation_window_hours * 3_600_000;
  const rewrite = () => rewriteAll(tasks, { ...options, windowMs }, signal);
  if (!database) return rewrite();
  // An export that is under way could land after exports were looked through.
  await withMaintenanceLock(database, async () => {
    await rewrite();
    await forgetRows(tasks, database, windowMs, signal);
  });
}

async function rewriteAll(
  tasks: readonly ForgetTask[],
  { spool, keepers, store, database, config, windowMs }: CarryOutOptions & { windowMs: number },
  signal: AbortSignal,
): Promise<void> {
  const judge = judgeOf(tasks);
  const onRewritten = async (rewritten: Rewritten) => {
    if (database) await applyToRows(database, rewritten, windowMs, signal);
  };
  const onFile: ForgetFilesOptions['onFile'] = (name, lines) => {
    for (const { tally } of tasks) tally.addFile(name, lines);
  };
  const onObject: ForgetObjectsOptions['onObject'] = (object) => {
    for (const { tally } of tasks) tally.addObject(object);
  };
  enter(tasks, 'files');
  await removeBrokenIndexes(spool.root);
  await emptyUploadedFacts(spool);
  const { instance } = config();
  const touched = await TouchedObjects.open({ spool, store, instance });
  await forgetFiles({ spool, keepers, store, instance, judge, onRewritten, touched, onFile, signal });
  const common = { store, judge, scratch: spool.path('tmp'), onObject, signal };
  enter(tasks, 'objects');
  const fromMs = earliestMs(tasks.map(({ decision }) => decision));
  await forgetObjects({ ...common, onRewritten, touched, ...(fromMs !== undefined && { fromMs }) });
  enter(tasks, 'exports');
  // With what reads and writes Parquet.
  const { exportPrefixes, forgetExports } = await import('./forget-exports.ts');
  const { forgetTables } = await import('./forget-tables.ts');
  await forgetTables({ ...common, ...(fromMs !== undefined && { fromMs }) });
  await forgetExports({ ...common, prefixes: exportPrefixes(config()) });
}

async function forgetRows(
  tasks: readonly ForgetTask[],
  database: Database,
  windowMs: number,
  signal: AbortSignal,
): Promise<void> {
  enter(tasks, 'index');
  for (const { decision, progress } of tasks) {
    if (decision.kind === 'purge_message') {
      await purgeMessageRow(database, decision.message.key, windowMs, signal);
      continue;
    }
    const { platform, user, timestamp } = decision;
    const { messages } = await forgetPersonRows(
      database,
      platform,
      user,
      { untilMs: Date.parse(timestamp), windowMs },
      signal,
    );
    progress.report.rows += messages;
  }
  await blankRows(database, judgeOf(tasks), signal);
}

function judgeOf(tasks: readonly ForgetTask[]): LineJudge {
  return allJudges(tasks.map(({ decision, needles }) => lineJudge(decision, needles)));
}

function enter(tasks: readonly ForgetTask[], phase: ForgetProgress['phase']): void {
  for (const { progress } of tasks) progress.phase = phase;
}

/** Nothing that happened before a message quotes it. People have always been there. */
function earliestMs(decisions: readonly ForgettingDecision[]): number | undefined {
  const times = decisions.map((decision) =>
    decision.kind === 'purge_message' ? Date.parse(decision.message.at) : undefined,
  );
  return times.includes(undefined) ? undefined : Math.min(...(times as number[]));
}
