/** The tables of `migrations/`, as Kysely types them. What each is for stands there. */
import type { ColumnType, Generated } from 'kysely';

/** Read as a Date, written as a Date or an RFC 3339 text. */
type Time = ColumnType<Date, Date | string, Date | string>;
type TimeOrNull = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>;
/** `YYYY-MM-DD`. */
type Day = ColumnType<string, string, string>;
/** Read as its parsed value, written as JSON text. */
type Json<T> = ColumnType<T, string, string>;

export interface Tables {
  channels: {
    id: Generated<number>;
    platform: string;
    name: string;
    platform_id: string | null;
    platform_id_at: TimeOrNull;
  };
  users: { id: Generated<number>; platform: string; user_key: string; name_id: number | null };
  user_names: { id: Generated<number>; user_id: number; login: string; display_name: string };
  templates: { id: Generated<number>; hash: string; content: Json<unknown> };
  messages: MessagesTable;
  mod_actions: {
    ts: Time;
    key: string;
    channel_id: number;
    type: number;
    target_user_id: number | null;
    target_login: string | null;
    moderator: string | null;
    duration_seconds: number | null;
    reason: string | null;
    target_key: string | null;
  };
  message_edits: { message_key: string; ts: Time; key: string; channel_id: number; text: string };
  message_status: {
    message_key: string;
    ts: Time;
    key: string;
    channel_id: number;
    status: string;
    error: string | null;
  };
  sessions: {
    channel_id: number;
    user_id: number;
    joined_at: Time;
    left_at: Time;
    messages: number;
    has_join: boolean;
    has_part: boolean;
  };
  sessions_stale: { channel_id: number; user_id: number; from_ts: Time; to_ts: Time };
  gaps: {
    channel_id: number;
    ts: Time;
    until: Time;
    reason: string;
    backfill: string;
    filled: number;
    dropped: Generated<number>;
    key: string;
  };
  hourly_stats: {
    channel_id: number;
    hour: Time;
    messages: number;
    mod_actions: number;
    others: number;
    chars: number;
  };
  daily_stats: {
    channel_id: number;
    day: Day;
    messages: number;
    mod_actions: number;
    others: number;
    chars: number;
    users: number;
  };
  user_days: {
    channel_id: number;
    day: Day;
    user_id: number;
    name_id: number;
    messages: number;
    chars: number;
    first_ts: Time;
    last_ts: Time;
  };
  segments: {
    source: string;
    name: string;
    platform: string;
    channel: string;
    start_ts: Time;
    bytes: Generated<number>;
    lines: Generated<number>;
    inserted: Generated<number>;
    rejected: Generated<number>;
    first_ts: TimeOrNull;
    last_ts: TimeOrNull;
    complete: Generated<boolean>;
    lines_sha256: string | null;
    object_key: string | null;
    object_bytes: number | null;
    instance: string | null;
    loaded_at: ColumnType<Date, Date | string | undefined, Date | string>;
  };
  retention_floors: { channel_id: number; floor_ts: Time };
  pipeline_runs: {
    channel_id: number;
    day: Day;
    pipeline: string;
    state: string;
    steps_done: Generated<number>;
    attempts: Generated<number>;
    next_attempt_at: TimeOrNull;
    started_at: TimeOrNull;
    finished_at: TimeOrNull;
    error: string | null;
    result: ColumnType<unknown, string | null | undefined, string | null>;
  };
  kept_user_activity: {
    pipeline: string;
    channel_id: number;
    day: Day;
    user_id: number;
    login: string;
    messages: number;
    avg_length: number;
    sessions: number;
    mod_actions: number;
  };
  kept_channel_summaries: { pipeline: string; channel_id: number; day: Day; summary: Json<unknown> };
  kept_messages: {
    pipeline: string;
    channel_id: number;
    ts: Time;
    key: string;
    user_id: number | null;
    login: string;
    text: string;
    line: string;
  };
  user_scores: {
    pipeline: string;
    platform: string;
    user_id: number;
    score: number;
    days: number;
    updated_at: Time;
  };
  decisions: {
    id: string;
    kind: string;
    platform: string;
    hash: string | null;
    made_at: Time;
    applied_at: TimeOrNull;
    content: Json<unknown>;
  };
  api_tokens: {
    id: string;
    name: string;
    hash: string;
    scope: string;
    created_at: ColumnType<Date, Date | string | undefined, never>;
    last_used_at: TimeOrNull;
    revoked_at: TimeOrNull;
  };
  index_meta: { name: string; value: string };
}

export interface MessagesTable {
  ts: Time;
  key: string;
  channel_id: number;
  user_id: number | null;
  name_id: number | null;
  template_id: number | null;
  received_ms: number | null;
  type: number;
  flags: Generated<number>;
  text: string;
  rest: string | null;
  reply_key: string | null;
  thread_key: string | null;
  command: string | null;
  command_status: string | null;
  command_error: string | null;
  media: ColumnType<unknown, string | null | undefined, string | null>;
  status: string | null;
  edited_at: TimeOrNull;
  edited_text: string | null;
  deleted_at: TimeOrNull;
  deleted_by: string | null;
}

/** Bits of `messages.flags`. */
export const FLAG = {
  outgoing: 1,
  private: 2,
  action: 4,
  backfill: 8,
  import: 16,
  /** By a moderator, the broadcaster or an operator. */
  moderator: 32,
  sampled: 64,
} as const;
