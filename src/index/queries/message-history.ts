/** What became of a message after it was sent: its edits and its delivery. Indexes: the primary keys. */
import type { Session } from '../database/database.ts';

const ROWS_MAX = 200;

export interface MessageHistory {
  /** Oldest first. */
  edits: { ts: Date; text: string }[];
  /** Oldest first. */
  deliveries: { ts: Date; status: string; error: string | null }[];
}

export async function messageHistory({ sql }: Session, key: string): Promise<MessageHistory> {
  const edits = await sql
    .selectFrom('message_edits')
    .select(['ts', 'text'])
    .where('message_key', '=', key)
    .orderBy('ts')
    .orderBy('key')
    .limit(ROWS_MAX)
    .execute();
  const deliveries = await sql
    .selectFrom('message_status')
    .select(['ts', 'status', 'error'])
    .where('message_key', '=', key)
    .orderBy('ts')
    .orderBy('key')
    .limit(ROWS_MAX)
    .execute();
  return { edits, deliveries };
}
