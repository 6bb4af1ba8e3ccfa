/** One message with its thread, its history, and what was said around it. */
import { z } from 'zod';
import type { Session } from '../index/database/database.ts';
import { plainText } from '../index/database-text.ts';
import { typeNumber } from '../index/event-numbers.ts';
import type { AnsweredRow } from '../index/queries/answered-row.ts';
import { messageHistory } from '../index/queries/message-history.ts';
import { messagesAt, messagesByKeys } from '../index/queries/messages-by-key.ts';
import type { Order } from '../index/queries/page.ts';
import { repliesTo } from '../index/queries/replies-to-message.ts';
import { positionOf, scanMessages } from '../index/queries/scan-messages.ts';
import { MESSAGE_TYPES } from './answer-messages.ts';
import type { ApiContext } from './api-context.ts';
import { type ApiMessage, apiMessage, toApiMessages } from './api-message.ts';

const REPLIES_MAX = 200;

export const messageDetail = z.object({
  message: apiMessage,
  thread: z.object({
    root: apiMessage.nullable().describe('What began the thread; null where the index does not have it.'),
    replies: z
      .array(apiMessage)
      .describe(`What answers it and its answers, oldest first, ${REPLIES_MAX} at most.`),
  }),
  edits: z.array(z.object({ at: z.iso.datetime(), text: z.string() })).describe('Oldest first.'),
  deliveries: z
    .array(z.object({ at: z.iso.datetime(), status: z.string(), error: z.string().optional() }))
    .describe('Delivery states, oldest first.'),
  context: z.object({
    before: z.array(apiMessage).describe('Oldest first, like `after`.'),
    after: z.array(apiMessage),
  }),
});
export type MessageDetail = z.infer<typeof messageDetail>;

export async function describeMessage(
  { privacy }: Pick<ApiContext, 'privacy'>,
  session: Session,
  { row, message }: { row: AnsweredRow; message: ApiMessage },
  around: number,
): Promise<MessageDetail> {
  const rootKey = row.thread_key ?? row.reply_key ?? row.key;
  const root = rootKey === row.key ? row : (await messagesByKeys(session, [rootKey]))[0];
  const replies = await repliesTo(session, rootKey, {
    sinceMs: (root ?? row).ts.getTime() - (root ? 0 : THREAD_MS),
    limit: REPLIES_MAX,
  });
  const { edits, deliveries } = await messageHistory(session, row.key);
  const before = await neighbours(session, row, 'newest', around);
  const after = await neighbours(session, row, 'oldest', around);
  return {
    message,
    thread: {
      root: root ? (toApiMessages(privacy, [root])[0] ?? null) : null,
      replies: toApiMessages(privacy, await messagesAt(session, replies)),
    },
    edits: edits.map(({ ts, text }) => ({ at: ts.toISOString(), text: plainText(text) })),
    deliveries: deliveries.map(({ ts, status, error }) => ({
      at: ts.toISOString(),
      status: plainText(status),
      ...(error !== null && { error: plainText(error) }),
    })),
    context: {
      before: toApiMessages(privacy, before.toReversed()),
      after: toApiMessages(privacy, after),
    },
  };
}

/** Where the first message of a thread is not there, its answers are looked for so long before the one that is. */
const THREAD_MS = 7 * 86_400_000;
/** What was said longer before or after is no context. */
const CONTEXT_MS = 7 * 86_400_000;

async function neighbours(
  session: Session,
  row: AnsweredRow,
  order: Order,
  limit: number,
): Promise<AnsweredRow[]> {
  if (limit === 0) return [];
  const atMs = row.ts.getTime();
  const { rows } = await scanMessages(session, {
    source: { by: 'channels', channelIds: [row.channel_id] },
    filter: { includeDeleted: true, types: MESSAGE_TYPES.map(typeNumber) },
    range: { sinceMs: atMs - CONTEXT_MS, untilMs: atMs + CONTEXT_MS },
    order,
    after: positionOf(row),
    limit,
  });
  return rows;
}
