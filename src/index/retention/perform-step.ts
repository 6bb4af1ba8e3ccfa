/** Which code does a step, and whether it happens within the transaction that marks it as done. */
import type { Session } from '../database/database.ts';
import type { StepResult } from './pipeline-state.ts';
import { channelSummary } from './steps/channel-summary.ts';
import { command } from './steps/command.ts';
import { exportRows } from './steps/export.ts';
import { keep } from './steps/keep.ts';
import { sql } from './steps/sql.ts';
import type { StepCall } from './steps/step.ts';
import { userActivity } from './steps/user-activity.ts';
import { userScores } from './steps/user-scores.ts';
import { webhook } from './steps/webhook.ts';

/**
 * Does the step and calls `mark` with its result: for what happens in the database within the same transaction, so that
 * it happens once; for what happens outside after it, so that it happens at least once, under keys that do not change.
 */
export async function performStep<T>(
  call: StepCall,
  mark: (session: Session, result: StepResult) => Promise<T>,
): Promise<T> {
  const { database } = call.tools;
  const inside = effectInside(call);
  if (inside)
    return database.transaction(async (session) => mark(session, await inside(session)), {
      signal: call.signal,
    });
  const result = await effectOutside(call);
  return database.transaction((session) => mark(session, result));
}

function effectInside(call: StepCall): ((session: Session) => Promise<StepResult>) | undefined {
  const { step } = call;
  switch (step.step) {
    case 'user_activity':
      return (session) => userActivity(session, call);
    case 'channel_summary':
      return (session) => channelSummary(session, call);
    case 'user_scores':
      return (session) => userScores(session, { ...call, step });
    case 'keep':
      return (session) => keep(session, { ...call, step });
    case 'sql':
      return (session) => sql(session, { ...call, step });
    default:
      return undefined;
  }
}

async function effectOutside(call: StepCall): Promise<StepResult> {
  const { step } = call;
  switch (step.step) {
    case 'export':
      return exportRows({ ...call, step });
    case 'command':
      return command({ ...call, step });
    case 'webhook':
      return webhook({ ...call, step });
    default:
      throw new TypeError(`${step.step} happens in the database`);
  }
}
