/** The rows of `pipeline_runs`. All writes say what they expect, so that two processes never count one step twice. */
import { ChatlogError } from '../../lib/errors.ts';
import type { Session } from '../database/database.ts';
import { databaseText } from '../database-text.ts';
import { dayText } from './due-ranges.ts';
import { NEW_RUN, type PipelineRun, type RunState, type StepResult } from './pipeline-state.ts';

/** Which run: one pipeline over one UTC day of a channel. */
export interface RunKey {
  channelId: number;
  dayMs: number;
  pipeline: string;
}

/** The runs of one day, by the pipeline's name; those of pipelines that are no longer configured too. */
export async function readRuns(
  session: Session,
  channelId: number,
  dayMs: number,
): Promise<Map<string, PipelineRun>> {
  const rows = await session.sql
    .selectFrom('pipeline_runs')
    .select(['pipeline', 'state', 'attempts', 'next_attempt_at', 'error', 'result'])
    .where('channel_id', '=', channelId)
    .where('day', '=', dayText(dayMs))
    .execute();
  return new Map(
    rows.map((row) => [
      row.pipeline,
      {
        state: row.state as RunState,
        attempts: row.attempts,
        nextAttemptMs: row.next_attempt_at?.getTime(),
        error: row.error ?? undefined,
        steps: (row.result as { steps?: PipelineRun['steps'] } | null)?.steps ?? [],
      },
    ]),
  );
}

/** Written before a step begins, so that a process that dies in it has used up an attempt. */
export async function beginAttempt(
  session: Session,
  key: RunKey,
  run: PipelineRun,
  nowMs: number,
): Promise<PipelineRun> {
  const begun: PipelineRun = { ...run, state: 'running', attempts: run.attempts + 1 };
  await session.query(
    `INSERT INTO pipeline_runs (channel_id, day, pipeline, state, attempts, started_at)
     VALUES ($1, $2, $3, 'running', $4, $5)
     ON CONFLICT (channel_id, day, pipeline) DO UPDATE
     SET state = 'running', attempts = excluded.attempts, next_attempt_at = NULL,
         started_at = coalesce(pipeline_runs.started_at, excluded.started_at)`,
    [key.channelId, dayText(key.dayMs), key.pipeline, begun.attempts, new Date(nowMs)],
  );
  return begun;
}

/**
 * Marks a step as done, in the transaction of whatever it did to the database. Throws `pipeline_taken`, which rolls that
 * back, where another process has moved the run in the meantime.
 */
export async function advance(
  session: Session,
  key: RunKey,
  run: PipelineRun,
  done: { id: string; result: StepResult },
): Promise<PipelineRun> {
  const steps = [...run.steps, done];
  const { rowCount } = await session.query(
    `UPDATE pipeline_runs SET steps_done = $4, attempts = 0, error = NULL, result = $5::text::jsonb
     WHERE channel_id = $1 AND day = $2 AND pipeline = $3 AND steps_done = $6 AND state = 'running'`,
    [...whichRun(key), steps.length, JSON.stringify({ steps }), run.steps.length],
  );
  if (rowCount !== 1) throw taken(key);
  return { ...run, attempts: 0, error: undefined, steps };
}

/** Every step of the configuration is done. */
export async function finish(session: Session, key: RunKey, run: PipelineRun, nowMs: number): Promise<void> {
  await session.query(
    `INSERT INTO pipeline_runs (channel_id, day, pipeline, state, started_at, finished_at)
     VALUES ($1, $2, $3, 'done', $4, $4)
     ON CONFLICT (channel_id, day, pipeline) DO UPDATE
     SET state = 'done', attempts = 0, next_attempt_at = NULL, error = NULL, finished_at = excluded.finished_at
     WHERE pipeline_runs.steps_done = $5`,
    [...whichRun(key), new Date(nowMs), run.steps.length],
  );
}

export async function park(
  session: Session,
  key: RunKey,
  run: PipelineRun,
  after: { state: 'failed' | 'dead' | 'pending'; attempts: number; nextAttemptMs?: number; error?: string },
): Promise<void> {
  await session.query(
    `UPDATE pipeline_runs SET state = $4, attempts = $5, next_attempt_at = $6, error = $7
     WHERE channel_id = $1 AND day = $2 AND pipeline = $3 AND steps_done = $8 AND state <> 'done'`,
    [
      ...whichRun(key),
      after.state,
      after.attempts,
      after.nextAttemptMs === undefined ? null : new Date(after.nextAttemptMs),
      after.error === undefined ? null : databaseText(after.error),
      run.steps.length,
    ],
  );
}

export function runOf(runs: ReadonlyMap<string, PipelineRun>, pipeline: string): PipelineRun {
  return runs.get(pipeline) ?? NEW_RUN;
}

function whichRun({ channelId, dayMs, pipeline }: RunKey): [number, string, string] {
  return [channelId, dayText(dayMs), pipeline];
}

function taken({ channelId, dayMs, pipeline }: RunKey): ChatlogError {
  return new ChatlogError(
    'pipeline_taken',
    `another process runs pipeline ${pipeline} over ${dayText(dayMs)} of channel ${channelId}`,
    { retryable: true },
  );
}
