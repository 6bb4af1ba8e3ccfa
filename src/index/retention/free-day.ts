/** Brings one due day to the point where its rows may go, or says what it waits for. */
import type { Config } from '../../config/schema.ts';
import { errorText } from '../../lib/errors.ts';
import type { DueDay } from './due-days.ts';
import { DAY_MS, dayText, dueSinceMs } from './due-ranges.ts';
import { readRuns, runOf } from './pipeline-runs.ts';
import { judgeRun, type PipelineRun, type RetryPolicy } from './pipeline-state.ts';
import type { WaitingDay } from './report.ts';
import { type PipelineTools, type RunOutcome, runPipeline } from './run-pipeline.ts';
import { type LedgerSegment, segmentsOfDay, whyNotLoaded, whyNotStored } from './verify-day.ts';

export interface FreeOptions {
  config: Config;
  dryRun: boolean;
  /** Also what failed and is to be tried later, and dead letters. */
  retry: boolean;
  /** Why storage was found not to answer; asked once, not for each of a thousand days. */
  storeProblem?: string;
}

/** Undefined: its rows may go. */
export async function freeDay(
  day: DueDay,
  options: FreeOptions,
  tools: PipelineTools,
  signal: AbortSignal,
): Promise<WaitingDay | undefined> {
  const { channel, dayMs, hasMessages } = day;
  const { segments, runs } = await tools.database.transaction(async (session) => ({
    segments: await segmentsOfDay(session, channel.path, dayMs),
    runs: await readRuns(session, channel.id, dayMs),
  }));
  const notLoaded = whyNotLoaded(segments, { hasMessages, isOverdue: isOverdue(day, tools.now()) });
  if (notLoaded !== undefined) return waiting(day, notLoaded, [], tools.now());
  const outcomes: [string, RunOutcome][] = [];
  for (const pipeline of channel.pipelines) {
    const outcome = await runOne(day, pipeline, runOf(runs, pipeline), options, tools, signal);
    outcomes.push([pipeline, outcome]);
  }
  const unfinished = outcomes.find(([, { state }]) => state !== 'done');
  if (unfinished) return waiting(day, reasonOf(...unfinished), outcomes, tools.now());
  const notStored = await storeReason(segments, options, tools, signal);
  return notStored === undefined ? undefined : waiting(day, notStored, outcomes, tools.now());
}

async function runOne(
  { channel, dayMs }: DueDay,
  pipeline: string,
  run: PipelineRun,
  { config, dryRun, retry }: FreeOptions,
  tools: PipelineTools,
  signal: AbortSignal,
): Promise<RunOutcome> {
  // A name that the configuration does not explain keeps the data: it may be a slip.
  const steps = config.pipelines[pipeline];
  if (run.state !== 'done' && steps === undefined)
    return { state: 'pending', error: 'it is not in the configuration' };
  const judging = { retry, policy: retryPolicy(config) };
  if (dryRun) {
    const verdict = judgeRun(run, { ...judging, nowMs: tools.now() });
    const state = verdict === 'run' ? 'pending' : verdict === 'later' ? 'failed' : verdict;
    return { state, error: run.error, nextAttemptMs: run.nextAttemptMs };
  }
  const { id: channelId, platform, name } = channel;
  return runPipeline(
    { channelId, platform, channel: name, dayMs, pipeline, steps: steps ?? [] },
    run,
    judging,
    tools,
    signal,
  );
}

function retryPolicy({ maintenance }: Config): RetryPolicy {
  const { attempts_max, backoff } = maintenance;
  return { attemptsMax: attempts_max, minSeconds: backoff.min_seconds, maxSeconds: backoff.max_seconds };
}

async function storeReason(
  segments: readonly LedgerSegment[],
  options: FreeOptions,
  { store }: PipelineTools,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (options.storeProblem !== undefined) return options.storeProblem;
  try {
    return await whyNotStored(store, segments, signal);
  } catch (error) {
    signal.throwIfAborted();
    options.storeProblem = `storage does not answer: ${errorText(error)}`;
    return options.storeProblem;
  }
}

function reasonOf(pipeline: string, { state, error, nextAttemptMs }: RunOutcome): string {
  const why = error === undefined ? '' : `: ${error}`;
  switch (state) {
    case 'dead':
      return `pipeline ${pipeline} is given up until "chatlog maintain --retry"${why}`;
    case 'failed':
      return `pipeline ${pipeline} failed and is tried again ${nextAttemptMs === undefined ? 'later' : `at ${new Date(nextAttemptMs).toISOString()}`}${why}`;
    default:
      return `pipeline ${pipeline} has to run first${why}`;
  }
}

function waiting(
  day: DueDay,
  reason: string,
  outcomes: readonly [string, RunOutcome][],
  nowMs: number,
): WaitingDay {
  const { platform, name } = day.channel;
  return {
    platform,
    channel: name,
    day: dayText(day.dayMs),
    reason,
    overdue: isOverdue(day, nowMs),
    pipelines: outcomes.map(([pipeline, { state, error, nextAttemptMs }]) => ({
      name: pipeline,
      state,
      ...(error !== undefined && state !== 'done' && { error }),
      ...(nextAttemptMs !== undefined && { nextAttemptAt: new Date(nextAttemptMs).toISOString() }),
    })),
  };
}

/** A whole day later than it could have gone. */
function isOverdue({ channel, dayMs }: DueDay, nowMs: number): boolean {
  return nowMs - dueSinceMs(dayMs, channel.retentionDays as number) > DAY_MS;
}
