/** A moderation action as every route of the API says it. */
import { z } from 'zod';
import type { EventType } from '../event.ts';
import type { Session } from '../index/database/database.ts';
import { plainText } from '../index/database-text.ts';
import { MODERATION_TYPES } from '../index/derive/moderation-types.ts';
import { typeName, typeNumber } from '../index/event-numbers.ts';
import { type ModActionRow, modActionPage } from '../index/queries/mod-action-page.ts';
import type { Order } from '../index/queries/page.ts';
import type { WrittenTime } from '../lib/parse-time.ts';
import type { PrivacyGate } from '../privacy/privacy-gate.ts';
import type { ApiContext } from './api-context.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { openRange, pageSize } from './parameters.ts';
import { isVisible } from './visibility.ts';

export const apiModAction = z
  .object({
    key: z.uuid(),
    timestamp: z.iso.datetime(),
    type: z.enum(MODERATION_TYPES),
    platform: z.string(),
    channel: z.string(),
    target: z.string().optional().describe('Whom it happened to, by the name of that time.'),
    targetUserId: z.string().optional(),
    targetName: z.string().optional().describe('The current name, where it is another.'),
    moderator: z.string().optional().describe('Where the platform says it (Twitch’s chat does not).'),
    durationSeconds: z.number().optional(),
    reason: z.string().optional(),
    messageKey: z.uuid().optional().describe('The message that was removed.'),
  })
  .describe('A deletion, timeout, ban, what lifts them, or the clearing of a channel.');
export type ApiModAction = z.infer<typeof apiModAction>;

export const modActionsAnswer = z.object({
  modActions: z.array(apiModAction),
  hasMore: z
    .boolean()
    .describe('There may be more behind `nextCursor`, also where this page holds fewer than `limit`.'),
  nextCursor: z.string().nullable(),
});

export interface ModActionQuestion {
  type?: EventType[] | 'all' | undefined;
  moderator?: string | undefined;
  since?: WrittenTime | undefined;
  until?: WrittenTime | undefined;
  order: Order;
  limit: number;
  offset: number;
  cursor?: string | undefined;
  channelIds: readonly number[] | undefined;
  targetUserIds: readonly number[] | undefined;
}

export async function answerModActions(
  { config, now, privacy }: Pick<ApiContext, 'config' | 'now' | 'privacy'>,
  session: Session,
  question: ModActionQuestion,
): Promise<z.infer<typeof modActionsAnswer>> {
  const { type, moderator, order, offset, channelIds, targetUserIds } = question;
  const { http } = config();
  if (channelIds?.length === 0 || targetUserIds?.length === 0)
    return { modActions: [], hasMore: false, nextCursor: null };
  const page = await modActionPage(session, {
    ...(type !== undefined && type !== 'all' && { types: type.map(typeNumber) }),
    ...(moderator !== undefined && { moderator }),
    ...(channelIds && { channelIds }),
    ...(targetUserIds && { targetUserIds }),
    range: openRange(question, { nowMs: now(), http }),
    order,
    after: question.cursor === undefined ? undefined : decodeCursor(question.cursor),
    offset,
    limit: pageSize(question.limit, http),
  });
  return {
    modActions: page.rows.filter((row) => isActionVisible(privacy, row)).map(toApiModAction),
    hasMore: page.next !== undefined,
    nextCursor: page.next ? encodeCursor(page.next) : null,
  };
}

function toApiModAction(row: ModActionRow): ApiModAction {
  const userId = row.target_key_of_user;
  return {
    key: row.key,
    timestamp: row.ts.toISOString(),
    type: typeName(row.type) as ApiModAction['type'],
    platform: plainText(row.platform),
    channel: plainText(row.channel),
    target: plain(row.target_login ?? row.target_name),
    targetUserId: userId === null || userId.startsWith('~') ? undefined : plainText(userId),
    targetName: row.target_name === row.target_login ? undefined : plain(row.target_name),
    moderator: plain(row.moderator),
    durationSeconds: row.duration_seconds ?? undefined,
    reason: plain(row.reason),
    messageKey: row.target_key ?? undefined,
  };
}

function plain(text: string | null): string | undefined {
  return text === null ? undefined : plainText(text);
}

function isActionVisible(privacy: PrivacyGate, row: ModActionRow): boolean {
  const { platform, channel, target_key_of_user, ts, key } = row;
  const userKey = target_key_of_user === null ? null : plainText(target_key_of_user);
  return isVisible(privacy, {
    platform: plainText(platform),
    channel: plainText(channel),
    userKeys: [userKey],
    timeMs: ts.getTime(),
    key,
  });
}
