/**
 * What is to be done with one pipeline's run over one day of a channel: pure decisions over a row of `pipeline_runs`.
 *
 *     pending ──> running ──> done
 *        ^         │   ^
 *        │ (stop)  v   │ (its time has come)
 *        └────── failed ──> dead ──(chatlog maintain --retry)──> pending
 *
 * `running` is written before a step begins. Who holds the maintenance lock and finds it there knows that the process
 * which wrote it is gone: that attempt failed.
 */
import { hash } from 'node:crypto';
import type { PipelineStep } from '../../config/schema.ts';

export type RunState = 'pending' | 'running' | 'done' | 'failed' | 'dead';

/** What a step says of what it did, kept in `pipeline_runs.result`. */
export type StepResult = Record<string, unknown>;

export interface PipelineRun {
  state: RunState;
  /** Failures of the step that is next, the attempt under way included. */
  attempts: number;
  nextAttemptMs: number | undefined;
  error: string | undefined;
  /** Steps that are done, in the order in which they were, by their {@link stepIds}. */
  steps: readonly { id: string; result: StepResult }[];
}

export const NEW_RUN: PipelineRun = {
  state: 'pending',
  attempts: 0,
  nextAttemptMs: undefined,
  error: undefined,
  steps: [],
};

export interface RetryPolicy {
  attemptsMax: number;
  minSeconds: number;
  maxSeconds: number;
}

export type Verdict = 'run' | 'later' | 'done' | 'dead';

/** Whether a run may be taken up now by the holder of the maintenance lock. `retry`: whatever failed, and at once. */
export function judgeRun(run: PipelineRun, { nowMs, retry, policy }: Judging): Verdict {
  switch (run.state) {
    case 'done':
      return 'done';
    case 'dead':
      return retry ? 'run' : 'dead';
    case 'failed':
      return retry || nowMs >= (run.nextAttemptMs ?? 0) ? 'run' : 'later';
    case 'running':
      // The process that wrote it died in the attempt: one that kills each process must end, too.
      return retry || run.attempts < policy.attemptsMax ? 'run' : 'dead';
    case 'pending':
      return 'run';
  }
}

export interface Judging {
  nowMs: number;
  retry: boolean;
  policy: RetryPolicy;
}

/** What a run becomes after its attempt number `attempts` failed. `random` is from 0 to 1. */
export function afterFailure(
  attempts: number,
  policy: RetryPolicy,
  nowMs: number,
  random: number,
): { state: 'failed'; nextAttemptMs: number } | { state: 'dead' } {
  if (attempts >= policy.attemptsMax) return { state: 'dead' };
  const seconds = Math.min(policy.maxSeconds, policy.minSeconds * 2 ** Math.min(attempts - 1, 40));
  // Half of it is chance, so that what failed together does not come back together.
  return { state: 'failed', nextAttemptMs: nowMs + Math.round(seconds * 1000 * (0.5 + random / 2)) };
}

/**
 * What tells the steps of a pipeline apart while its configuration is edited: the kind, and what it is about where
 * several of one kind mean several things. So a step that was done for a day stays done when others are put before it,
 * or its weights and words are changed; a new one runs for every day that still waits.
 */
export function stepIds(steps: readonly PipelineStep[]): string[] {
  const seen = new Map<string, number>();
  return steps.map((step) => {
    const base = baseId(step);
    const count = (seen.get(base) ?? 0) + 1;
    seen.set(base, count);
    return count === 1 ? base : `${base}#${count}`;
  });
}

function baseId(step: PipelineStep): string {
  switch (step.step) {
    case 'sql':
      return `sql:${digest(step.statement)}`;
    case 'command':
      return `command:${digest(JSON.stringify(step.argv))}`;
    case 'webhook':
      return `webhook:${digest(step.url)}`;
    case 'export':
      return `export:${step.format}:${step.prefix}`;
    default:
      return step.step;
  }
}

function digest(text: string): string {
  return hash('sha256', text, 'hex').slice(0, 12);
}

/** The next step that is not done; undefined where all are. */
export function nextStep(
  steps: readonly PipelineStep[],
  run: PipelineRun,
): { id: string; step: PipelineStep } | undefined {
  const done = new Set(run.steps.map(({ id }) => id));
  const ids = stepIds(steps);
  const index = ids.findIndex((id) => !done.has(id));
  return index < 0 ? undefined : { id: ids[index]!, step: steps[index]! };
}
