/** Runs one pipeline over one UTC day of a channel, from the first step that is not done. */
import { hash } from 'node:crypto';
import type { PipelineStep } from '../../config/schema.ts';
import { ChatlogError, errorText } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { dayText } from './due-ranges.ts';
import { performStep } from './perform-step.ts';
import { advance, beginAttempt, finish, park, type RunKey } from './pipeline-runs.ts';
import {
  afterFailure,
  type Judging,
  judgeRun,
  nextStep,
  type PipelineRun,
  type RunState,
} from './pipeline-state.ts';
import type { StepTools } from './steps/step.ts';

export interface PipelineTools extends StepTools {
  log: Logger;
  now: () => number;
  /** From 0 to 1. */
  random: () => number;
}

export interface PipelineDay extends RunKey {
  platform: string;
  channel: string;
  steps: readonly PipelineStep[];
}

/** How a run stands after it was looked at. */
export interface RunOutcome {
  state: RunState;
  error?: string;
  nextAttemptMs?: number;
}

const ERROR_CHARS = 4_000;

/**
 * Throws `database_unavailable` and what else is not the step's fault; the run then stays as it was written before the
 * attempt. Abort gives the attempt back.
 */
export async function runPipeline(
  day: PipelineDay,
  run: PipelineRun,
  judging: Omit<Judging, 'nowMs'>,
  tools: PipelineTools,
  signal: AbortSignal,
): Promise<RunOutcome> {
  const verdict = judgeRun(run, { ...judging, nowMs: tools.now() });
  if (verdict === 'done') return { state: 'done' };
  if (verdict === 'later') return { state: 'failed', error: run.error, nextAttemptMs: run.nextAttemptMs };
  if (verdict === 'dead') return bury(day, run, tools);
  // Asked for by a person: with all the attempts that a new one has.
  let current: PipelineRun = judging.retry ? { ...run, attempts: 0 } : run;
  for (let next = nextStep(day.steps, current); next; next = nextStep(day.steps, current)) {
    signal.throwIfAborted();
    const before = current;
    const begun = await tools.database.transaction((session) =>
      beginAttempt(session, day, before, tools.now()),
    );
    try {
      current = await takeStep(day, begun, next, tools, signal);
    } catch (error) {
      if (signal.aborted) {
        await giveBack(day, before, tools);
        throw signal.reason;
      }
      if (isTheDatabase(error)) throw error;
      return fail(day, begun, next.id, error, judging, tools);
    }
  }
  await tools.database.transaction((session) => finish(session, day, current, tools.now()));
  return { state: 'done' };
}

async function takeStep(
  day: PipelineDay,
  run: PipelineRun,
  { id, step }: { id: string; step: PipelineStep },
  tools: PipelineTools,
  signal: AbortSignal,
): Promise<PipelineRun> {
  const { channelId, platform, channel, dayMs, pipeline } = day;
  const key = hash('sha256', JSON.stringify([pipeline, platform, channel, dayText(dayMs), id]), 'hex');
  const call = { step, pipeline, channelId, platform, channel, dayMs, key, tools, signal };
  return performStep(call, async (session, result) => {
    const advanced = await advance(session, day, run, { id, result });
    return { ...advanced, state: 'running' };
  });
}

async function fail(
  day: PipelineDay,
  run: PipelineRun,
  stepId: string,
  error: unknown,
  { policy }: Pick<Judging, 'policy'>,
  { database, log, now, random }: PipelineTools,
): Promise<RunOutcome> {
  const after = afterFailure(run.attempts, policy, now(), random());
  const text = `${stepId}: ${errorText(error)}`.slice(0, ERROR_CHARS);
  await database.transaction((session) =>
    park(session, day, run, { ...after, attempts: run.attempts, error: text }),
  );
  const fields = {
    pipeline: day.pipeline,
    platform: day.platform,
    channel: day.channel,
    day: dayText(day.dayMs),
  };
  if (after.state === 'dead')
    log.error(
      { ...fields, err: text, attempts: run.attempts },
      'a pipeline failed for the last time: its data stays until "chatlog maintain --retry"',
    );
  else log.warn({ ...fields, err: text, attempts: run.attempts }, 'a pipeline failed; it is tried again');
  return { ...after, error: text };
}

/** A run that took one process after the other with it, or was parked before. */
async function bury(day: PipelineDay, run: PipelineRun, { database }: PipelineTools): Promise<RunOutcome> {
  if (run.state === 'dead') return { state: 'dead', error: run.error };
  const error = run.error ?? 'the process ended in each attempt';
  await database.transaction((session) =>
    park(session, day, run, { state: 'dead', attempts: run.attempts, error }),
  );
  return { state: 'dead', error };
}

async function giveBack(day: PipelineDay, run: PipelineRun, { database }: PipelineTools): Promise<void> {
  const { attempts, error } = run;
  await database
    .transaction((session) => park(session, day, run, { state: 'pending', attempts, error }))
    // The next process counts it as an attempt: no more than that is lost.
    .catch(() => {});
}

function isTheDatabase(error: unknown): boolean {
  return error instanceof ChatlogError && ['database_unavailable', 'pipeline_taken'].includes(error.code);
}
