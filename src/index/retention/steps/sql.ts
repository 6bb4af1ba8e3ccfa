import { ChatlogError } from '../../../lib/errors.ts';
import type { Session } from '../../database/database.ts';
import { DAY_MS } from '../due-ranges.ts';
import type { StepResult } from '../pipeline-state.ts';
import type { StepCall } from './step.ts';

/** Runs the operator's statement: $1 = the channel's id, $2 and $3 = from and to. */
export async function sql(session: Session, call: StepCall<'sql'>): Promise<StepResult> {
  const { statement } = call.step;
  const parameters = [call.channelId, new Date(call.dayMs), new Date(call.dayMs + DAY_MS)];
  const before = await transactionId(session);
  const { rowCount } = await session.query(statement, parameters.slice(0, highestParameter(statement)));
  // One that ends our transaction would be done again and again without ever being marked as done.
  if ((await transactionId(session)) !== before)
    throw new ChatlogError(
      'step_failed',
      'the statement ended the transaction: leave COMMIT and ROLLBACK out',
    );
  return { rows: rowCount };
}

/** PostgreSQL takes as many values as the statement names, neither more nor fewer. */
function highestParameter(statement: string): number {
  return Math.max(0, ...[...statement.matchAll(/\$([123])(?!\d)/g)].map((match) => Number(match[1])));
}

async function transactionId(session: Session): Promise<string> {
  const { rows } = await session.query('SELECT pg_current_xact_id()::text AS id');
  return String(rows[0]?.id);
}
