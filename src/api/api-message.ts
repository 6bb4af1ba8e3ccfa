/** A message as every route of the API says it, and how it is made of a row. */
import { z } from 'zod';
import { servedEvent } from '../archive-query/served-event.ts';
import { type ChatEvent, EVENT_TYPES } from '../event.ts';
import { FLAG } from '../index/database/tables.ts';
import { plainText } from '../index/database-text.ts';
import { typeName } from '../index/event-numbers.ts';
import { THREAD_TAG } from '../index/line-template.ts';
import { storedEvent } from '../index/message-row.ts';
import type { AnsweredRow } from '../index/queries/answered-row.ts';
import type { PrivacyGate } from '../privacy/privacy-gate.ts';

const time = z.iso.datetime();

export const apiMessage = z
  .object({
    key: z.uuid().describe('Identifies the line within the index; the platform’s id where that is a UUID.'),
    id: z.string().optional().describe('The platform’s id.'),
    timestamp: time.describe('The platform’s own time.'),
    receivedAt: z.string().optional().describe('When the recorder read it.'),
    platform: z.string(),
    channel: z.string(),
    type: z.enum(EVENT_TYPES),
    direction: z.enum(['incoming', 'outgoing']),
    context: z.enum(['group', 'private']),
    userId: z.string().describe('Empty where the platform names nobody, or gives no ids.'),
    username: z.string(),
    displayName: z.string().optional(),
    text: z.string(),
    action: z.literal(true).optional().describe('Written as `/me`.'),
    badges: z.array(z.string()).optional(),
    emotes: z
      .array(z.object({ id: z.string(), ranges: z.array(z.array(z.number().int())) }))
      .optional()
      .describe('Inclusive offsets in code points of `text`.'),
    media: z
      .array(
        z.object({
          url: z.string().optional(),
          type: z.string().optional(),
          mime: z.string().optional(),
          sizeBytes: z.number().optional(),
          title: z.string().optional(),
        }),
      )
      .optional(),
    command: z
      .object({
        name: z.string().describe('Without `!` or `/`.'),
        status: z.string().optional(),
        error: z.string().optional(),
        admin: z.boolean().optional(),
      })
      .optional(),
    replyTo: z.string().optional().describe('Id of the message that it answers.'),
    replyKey: z.uuid().optional(),
    threadKey: z.uuid().optional().describe('Key of the first message of the thread.'),
    status: z.string().optional().describe('Delivery: sent, delivered, read, failed, ...'),
    edited: z
      .object({ at: time, text: z.string() })
      .optional()
      .describe('The latest edit; `text` is the original.'),
    deleted: z
      .object({
        at: time,
        action: z.uuid().describe('Key of the moderation action that removed it.'),
        type: z.string().optional().describe('delete, timeout, ban or clear.'),
        moderator: z.string().optional(),
        reason: z.string().optional(),
      })
      .optional(),
    moderator: z.string().optional(),
    target: z.string().optional(),
    targetUserId: z.string().optional(),
    targetMessageId: z.string().optional(),
    durationSeconds: z.number().optional(),
    reason: z.string().optional(),
    systemMessage: z.string().optional(),
    source: z.string().optional().describe('`backfill` or `import`, where it did not come live.'),
    samplingRate: z.number().optional(),
    platformEvent: z.string().optional(),
    tags: z.record(z.string(), z.union([z.string(), z.literal(true)])).optional(),
    raw: z.string().optional().describe('The original line, where the rest does not suffice to rebuild it.'),
  })
  .describe('One line of chat. What is not known is left out.');

export type ApiMessage = z.infer<typeof apiMessage>;

/** `event`: the row's own, or what of it may be shown. */
export function toApiMessage(row: AnsweredRow, event: ChatEvent = storedEvent(row)): ApiMessage {
  // Archives may be anybody's: beyond the first five members and the platform nothing is certain to be what it should.
  const type = typeName(row.type);
  return {
    key: row.key,
    id: text(event.id),
    timestamp: row.ts.toISOString(),
    receivedAt: text(event.received_at),
    platform: event.platform,
    channel: event.channel,
    type,
    direction: row.flags & FLAG.outgoing ? 'outgoing' : 'incoming',
    context: row.flags & FLAG.private ? 'private' : 'group',
    userId: event.user_id,
    username: event.username,
    displayName: text(event.display_name),
    text: event.message,
    action: row.flags & FLAG.action ? true : undefined,
    badges: list(event.badges),
    emotes: list(event.emotes),
    media: list(event.media)?.map(({ size_bytes, ...media }) => ({ ...media, sizeBytes: size_bytes })),
    command: commandOf(row, event.command?.admin),
    replyTo: text(event.reply_to),
    replyKey: event.reply_to ? (row.reply_key ?? undefined) : undefined,
    threadKey: event.tags?.[THREAD_TAG] ? (row.thread_key ?? undefined) : undefined,
    status: plain(row.status),
    edited: row.edited_at
      ? { at: row.edited_at.toISOString(), text: plainText(row.edited_text ?? '') }
      : undefined,
    deleted: deletedOf(row),
    ...moderationOf(event),
    systemMessage: text(event.system_message),
    source: text(event.source),
    samplingRate: event.sampling_rate,
    platformEvent: text(event.platform_event),
    tags: event.tags,
    raw: text(event.raw),
  };
}

function moderationOf(event: ChatEvent) {
  return {
    moderator: text(event.moderator),
    target: text(event.target),
    targetUserId: text(event.target_user_id),
    targetMessageId: text(event.target_message_id),
    durationSeconds: event.duration_seconds,
    reason: text(event.reason),
  };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function list<T>(value: T[] | undefined): T[] | undefined {
  return Array.isArray(value) ? value.filter((entry) => entry !== null && entry !== undefined) : undefined;
}

function plain(value: string | null): string | undefined {
  return value === null ? undefined : plainText(value);
}

function commandOf(
  { command, command_status, command_error }: AnsweredRow,
  admin: boolean | undefined,
): ApiMessage['command'] {
  if (command === null) return undefined;
  return {
    name: plainText(command),
    status: plain(command_status),
    error: plain(command_error),
    admin,
  };
}

function deletedOf(row: AnsweredRow): ApiMessage['deleted'] {
  if (!row.deleted_at || !row.deleted_by) return undefined;
  return {
    at: row.deleted_at.toISOString(),
    action: row.deleted_by,
    type: row.removed_type === null ? undefined : typeName(row.removed_type),
    moderator: plain(row.removed_by),
    reason: plain(row.removed_reason),
  };
}

/** As it may be shown: names in it may be blanked; undefined where it may not be shown at all. */
export function servedMessage(privacy: PrivacyGate, row: AnsweredRow): ApiMessage | undefined {
  const event = servedEvent(privacy, { event: storedEvent(row), timeMs: row.ts.getTime(), key: row.key });
  return event && toApiMessage(row, event);
}

/** In the rows' order, without what is not to be served. */
export function toApiMessages(privacy: PrivacyGate, rows: readonly AnsweredRow[]): ApiMessage[] {
  return rows.flatMap((row) => servedMessage(privacy, row) ?? []);
}
