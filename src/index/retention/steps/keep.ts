import type { PipelineStep } from '../../../config/schema.ts';
import type { Session } from '../../database/database.ts';
import { FLAG } from '../../database/tables.ts';
import { plainText } from '../../database-text.ts';
import { typeNumber } from '../../event-numbers.ts';
import { storedLine } from '../../message-row.ts';
import type { StoredRow } from '../../stored-row.ts';
import { dayRows } from '../day-rows.ts';
import type { StepResult } from '../pipeline-state.ts';
import type { StepCall } from './step.ts';

/** Copies the messages that match into `kept_messages`, each with its whole line. */
export async function keep(session: Session, call: StepCall<'keep'>): Promise<StepResult> {
  const { channelId, dayMs, signal, tools } = call;
  const matches = keepMatcher(call.step);
  let kept = 0;
  for await (const page of dayRows((work) => work(session), {
    channelId,
    dayMs,
    privacy: tools.privacy,
    signal,
  })) {
    const rows = page.filter(matches);
    if (rows.length > 0) kept += await insert(session, call.pipeline, rows);
  }
  return { messages: kept };
}

/** Whether a message is to be kept: any of the step's conditions is enough. */
export function keepMatcher(
  step: Extract<PipelineStep, { step: 'keep' }>,
): (row: Pick<StoredRow, 'type' | 'flags' | 'reply_key' | 'text' | 'login' | 'user_key'>) => boolean {
  const words = step.words.map((word) => word.toLowerCase());
  const users = new Set(step.users.map((user) => user.toLowerCase()));
  const message = typeNumber('message');
  return ({ type, flags, reply_key, text, login, user_key }) => {
    if (type !== message) return false;
    if (step.moderators && (flags & FLAG.moderator) !== 0) return true;
    if (step.replies && reply_key !== null) return true;
    if (users.has((login ?? '').toLowerCase()) || users.has((user_key ?? '').toLowerCase())) return true;
    if (words.length === 0) return false;
    const folded = plainText(text).toLowerCase();
    return words.some((word) => folded.includes(word));
  };
}

async function insert(session: Session, pipeline: string, rows: readonly StoredRow[]): Promise<number> {
  const { numInsertedOrUpdatedRows } = await session.sql
    .insertInto('kept_messages')
    .values(
      rows.map((row) => ({
        pipeline,
        channel_id: row.channel_id,
        ts: row.ts,
        key: row.key,
        user_id: row.user_id,
        login: row.login ?? '',
        text: row.text,
        line: storedLine(row),
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return Number(numInsertedOrUpdatedRows ?? 0);
}
