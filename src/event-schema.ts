/**
 * The line as zod schema, for lines that come from outside: read back from an archive, imported, ingested. Strict: a
 * member that is not part of the format is an error, so that a misspelt one is not lost in silence.
 */
import { z } from 'zod';
import { type ChatEvent, EVENT_TYPES } from './event.ts';

const timestamp = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'should be RFC 3339 UTC with milliseconds');
const count = z.number().int().nonnegative();

const emote = z.strictObject({ id: z.string(), ranges: z.array(z.tuple([count, count])) });

const media = z.strictObject({
  url: z.string().optional(),
  type: z.string().optional(),
  mime: z.string().optional(),
  size_bytes: count.optional(),
  title: z.string().optional(),
});

const command = z.strictObject({
  name: z.string(),
  status: z.string().optional(),
  error: z.string().optional(),
  admin: z.boolean().optional(),
});

const gap = z.strictObject({
  until: timestamp,
  backfill: z.enum(['complete', 'partial', 'unavailable', 'failed', 'off', 'none']),
  filled: count,
  dropped: count.optional(),
});

export const chatEventSchema = z.strictObject({
  timestamp,
  channel: z.string(),
  username: z.string(),
  user_id: z.string(),
  message: z.string(),
  platform: z.string().min(1),
  type: z.enum(EVENT_TYPES).exclude(['message']).optional(),
  direction: z.literal('outgoing').optional(),
  action: z.literal(true).optional(),
  reply_to: z.string().optional(),
  emotes: z.array(emote).optional(),
  display_name: z.string().optional(),
  badges: z.array(z.string()).optional(),
  media: z.array(media).optional(),
  command: command.optional(),
  moderator: z.string().optional(),
  target: z.string().optional(),
  target_user_id: z.string().optional(),
  target_message_id: z.string().optional(),
  duration_seconds: z.number().nonnegative().optional(),
  reason: z.string().optional(),
  system_message: z.string().optional(),
  gap: gap.optional(),
  sampling_rate: z.number().min(0).max(1).optional(),
  source: z.enum(['backfill', 'import']).optional(),
  platform_event: z.string().optional(),
  prefix: z.string().optional(),
  tags: z.record(z.string(), z.union([z.string(), z.literal(true)])).optional(),
  id: z.string().optional(),
  received_at: timestamp.optional(),
  raw: z.string().optional(),
  raw_base64: z.base64().optional(),
}) satisfies z.ZodType<ChatEvent>;
