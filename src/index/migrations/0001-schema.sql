-- The index: a view of the archive that can be dropped and rebuilt (docs/index-schema.md). Times are UTC, milliseconds.
--
-- Every line of the archive that is no gap is one row of "messages". The five fields of a line, and what is asked for,
-- stand in columns; the rest of the line stands in "templates" (what many lines share) and "rest" (what they do not),
-- so that the exact line can be given back (src/index/message-row.ts).
--
-- Numbers of "type" are the positions in EVENT_TYPES (src/event.ts): 0 message, 1 edit, 2 delete, 3 ban, 4 timeout, 5 unban,
-- 6 untimeout, 7 clear, 8 notice, 9 join, 10 part, 11 presence, 12 room, 13 media, 14 poll, 15 status, 16 private, 18 raw.

CREATE TABLE channels (
  id          int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  platform    text NOT NULL,
  -- As in the line.
  name        text NOT NULL,
  -- The platform's own id of it (Twitch: room-id) in its latest line that says it, and the time of that line.
  platform_id text,
  platform_id_at timestamptz,
  UNIQUE (platform, name)
);
-- /channelid/{id} of the log viewers' API.
CREATE INDEX channels_by_platform_id ON channels (platform_id) WHERE platform_id IS NOT NULL;

CREATE TABLE users (
  id       int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  platform text NOT NULL,
  -- The platform's id; "~" and the login where it gives none (IRC).
  user_key text NOT NULL,
  -- The name of the latest activity (user_names.id).
  name_id  int,
  UNIQUE (platform, user_key)
);

-- Each name that a user had, in each way of writing it.
CREATE TABLE user_names (
  id           int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id      int NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  login        text NOT NULL,
  display_name text NOT NULL DEFAULT '',
  UNIQUE (user_id, login, display_name)
);
-- /api/users/:username, and every route that takes a user by name.
CREATE INDEX user_names_by_login ON user_names (login text_pattern_ops);

-- What many lines share: a line's members that are no columns, in their order, volatile values replaced by null.
CREATE TABLE templates (
  id      int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hash    uuid NOT NULL UNIQUE,
  content json NOT NULL
);
-- /api/messages?badge=, and metadata queries of one's own: content::jsonb @> '{"badges":["vip/1"]}'.
CREATE INDEX templates_by_content ON templates USING gin ((content::jsonb) jsonb_path_ops);

CREATE TABLE messages (
  ts             timestamptz NOT NULL,
  -- Identity within platform and time: the platform's id where that is a UUID, else 128 bits of a digest.
  key            uuid NOT NULL,
  channel_id     int NOT NULL,
  user_id        int,
  name_id        int,
  -- Null: "rest" is the whole line.
  template_id    int,
  -- received_at - ts in ms.
  received_ms    int,
  type           smallint NOT NULL,
  -- Bits: 1 outgoing, 2 private, 4 action (/me), 8 backfill, 16 import, 32 by a moderator, broadcaster or operator, 64 sampled.
  flags          smallint NOT NULL DEFAULT 0,
  text           text NOT NULL,
  -- JSON array of the values that are null in the template.
  rest           text,
  -- The message that this one answers, and the first of its thread (keys).
  reply_key      uuid,
  thread_key     uuid,
  -- A bot or admin command: its name without prefix, what became of it.
  command        text,
  command_status text,
  command_error  text,
  media          jsonb,
  -- The latest delivery status (sent, delivered, read, failed, ...), from lines of type status.
  status         text,
  -- The latest edit.
  edited_at      timestamptz,
  edited_text    text,
  -- Removed: when, and the moderation action that did it (mod_actions.key).
  deleted_at     timestamptz,
  deleted_by     uuid,
  PRIMARY KEY (key, ts)
) PARTITION BY RANGE (ts);

-- A conversation newest first; one channel day; per-hour counts of a range.
CREATE INDEX messages_by_channel ON messages (channel_id, ts);
-- A user in a channel (log viewers' user month), and, over their channels, a user's messages.
CREATE INDEX messages_by_user ON messages (user_id, channel_id, ts);
-- Everything newest first, whole time ranges. No BRIN beside it: combined with messages_text it only names pages, and the
-- words of every row on them would have to be found again.
CREATE INDEX messages_by_time ON messages (ts);
-- The replies to a message.
CREATE INDEX messages_by_reply ON messages (reply_key) WHERE reply_key IS NOT NULL;
-- /api/messages/failed.
CREATE INDEX messages_failed ON messages (ts) WHERE status = 'failed' OR command_status = 'failed';
-- /api/messages/media.
CREATE INDEX messages_media ON messages (channel_id, ts) WHERE media IS NOT NULL;
-- /api/messages?command=.
CREATE INDEX messages_commands ON messages (command, ts) WHERE command IS NOT NULL;
-- /api/messages/search and ?search=. Over all rows: of a partial index PostgreSQL knows no statistics, by which rare words
-- are told from common ones; presence has no words, and a row may be marked as deleted without a new entry here.
CREATE INDEX messages_text ON messages USING gin (to_tsvector('simple', text));

CREATE TABLE mod_actions (
  ts               timestamptz NOT NULL,
  key              uuid NOT NULL,
  channel_id       int NOT NULL,
  -- delete, ban, timeout, unban, untimeout, clear.
  type             smallint NOT NULL,
  target_user_id   int,
  target_login     text,
  moderator        text,
  duration_seconds double precision,
  reason           text,
  -- The message that was removed (key).
  target_key       uuid,
  PRIMARY KEY (key, ts)
);
CREATE INDEX mod_actions_by_time ON mod_actions (ts);
CREATE INDEX mod_actions_by_channel ON mod_actions (channel_id, ts);
CREATE INDEX mod_actions_by_target ON mod_actions (target_user_id, ts) WHERE target_user_id IS NOT NULL;
CREATE INDEX mod_actions_by_moderator ON mod_actions (moderator, ts) WHERE moderator IS NOT NULL;
-- A message that came after its deletion.
CREATE INDEX mod_actions_by_message ON mod_actions (target_key) WHERE target_key IS NOT NULL;

-- Edits and delivery states, also of messages that have not come yet.
CREATE TABLE message_edits (
  message_key uuid NOT NULL,
  ts          timestamptz NOT NULL,
  key         uuid NOT NULL,
  channel_id  int NOT NULL,
  text        text NOT NULL,
  PRIMARY KEY (message_key, ts, key)
);
CREATE TABLE message_status (
  message_key uuid NOT NULL,
  ts          timestamptz NOT NULL,
  key         uuid NOT NULL,
  channel_id  int NOT NULL,
  status      text NOT NULL,
  error       text,
  PRIMARY KEY (message_key, ts, key)
);

CREATE TABLE sessions (
  channel_id int NOT NULL,
  user_id    int NOT NULL,
  joined_at  timestamptz NOT NULL,
  left_at    timestamptz NOT NULL,
  messages   int NOT NULL,
  -- Whether a join began it and a part ended it; else it is made of activity.
  has_join   boolean NOT NULL,
  has_part   boolean NOT NULL,
  PRIMARY KEY (user_id, channel_id, joined_at)
);
-- The join that a part may belong to, however long ago (src/index/derive/sessions.ts).
CREATE INDEX sessions_by_presence ON sessions (user_id, channel_id, joined_at) WHERE has_join OR has_part;
-- Whose sessions have to be derived again, and around which time.
CREATE TABLE sessions_stale (
  channel_id int NOT NULL,
  user_id    int NOT NULL,
  from_ts    timestamptz NOT NULL,
  to_ts      timestamptz NOT NULL
);
-- Some hundred users at a time, however many wait after a long load.
CREATE INDEX sessions_stale_by_user ON sessions_stale (channel_id, user_id);

CREATE TABLE gaps (
  channel_id int NOT NULL,
  ts         timestamptz NOT NULL,
  until      timestamptz NOT NULL,
  reason     text NOT NULL,
  backfill   text NOT NULL,
  filled     int NOT NULL,
  dropped    int NOT NULL DEFAULT 0,
  key        uuid NOT NULL,
  PRIMARY KEY (channel_id, ts, key)
);
CREATE INDEX gaps_by_time ON gaps (ts);

-- Counts of lines; they stay when the messages go. Rows here and in user_days are updated with every batch of their hour or
-- day: the room that is left in each page keeps that off their indexes.
CREATE TABLE hourly_stats (
  channel_id  int NOT NULL,
  hour        timestamptz NOT NULL,
  messages    bigint NOT NULL,
  mod_actions bigint NOT NULL,
  -- Everything else: notices, joins, parts, ...
  others      bigint NOT NULL,
  chars       bigint NOT NULL,
  PRIMARY KEY (channel_id, hour)
) WITH (fillfactor = 80);
CREATE INDEX hourly_stats_by_hour ON hourly_stats (hour);
CREATE TABLE daily_stats (
  channel_id  int NOT NULL,
  day         date NOT NULL,
  messages    bigint NOT NULL,
  mod_actions bigint NOT NULL,
  others      bigint NOT NULL,
  chars       bigint NOT NULL,
  -- Different users with at least one message.
  users       int NOT NULL,
  PRIMARY KEY (channel_id, day)
) WITH (fillfactor = 80);
CREATE INDEX daily_stats_by_day ON daily_stats (day);
-- Who wrote how much, day by day and name by name; goes when the messages go.
CREATE TABLE user_days (
  channel_id int NOT NULL,
  day        date NOT NULL,
  user_id    int NOT NULL,
  name_id    int NOT NULL,
  messages   int NOT NULL,
  chars      bigint NOT NULL,
  first_ts   timestamptz NOT NULL,
  last_ts    timestamptz NOT NULL,
  PRIMARY KEY (channel_id, day, user_id, name_id)
) WITH (fillfactor = 60);
-- A user's profile, statistics, names and list of months.
CREATE INDEX user_days_by_user ON user_days (user_id, day);

-- The ledger: one row per segment and place it was read from.
CREATE TABLE segments (
  -- "archive", or "local:" and the data directory's own id.
  source       text NOT NULL,
  -- File name without the compression's extension. Of a local file, whose name may be used again when it is gone: followed
  -- by "#" and 16 digits made of its first line.
  name         text NOT NULL,
  platform     text NOT NULL,
  channel      text NOT NULL,
  start_ts     timestamptz NOT NULL,
  -- Bytes of lines that are in the index, from the beginning.
  bytes        bigint NOT NULL DEFAULT 0,
  -- Lines read, lines that became rows, lines that could not be read.
  lines        bigint NOT NULL DEFAULT 0,
  inserted     bigint NOT NULL DEFAULT 0,
  rejected     bigint NOT NULL DEFAULT 0,
  first_ts     timestamptz,
  last_ts      timestamptz,
  -- It has grown for the last time and every line of it is in the index.
  complete     boolean NOT NULL DEFAULT false,
  -- SHA-256 of these bytes; once complete, of all lines.
  lines_sha256 text,
  -- Where it lies in storage, once seen there.
  object_key   text,
  object_bytes bigint,
  instance     text,
  loaded_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (source, name)
);
CREATE INDEX segments_by_lines ON segments (lines_sha256);
CREATE INDEX segments_by_start ON segments (platform, channel, start_ts);

-- From when on a channel's rows are kept: the loader takes nothing older.
CREATE TABLE retention_floors (
  channel_id int PRIMARY KEY,
  floor_ts   timestamptz NOT NULL
);
-- One row per range (a channel's UTC day) and pipeline.
CREATE TABLE pipeline_runs (
  channel_id      int NOT NULL,
  day             date NOT NULL,
  pipeline        text NOT NULL,
  -- pending, running, done, failed (to be tried again), dead.
  state           text NOT NULL,
  -- Steps that are done.
  steps_done      int NOT NULL DEFAULT 0,
  attempts        int NOT NULL DEFAULT 0,
  next_attempt_at timestamptz,
  started_at      timestamptz,
  finished_at     timestamptz,
  error           text,
  result          jsonb,
  PRIMARY KEY (channel_id, day, pipeline)
);
CREATE INDEX pipeline_runs_unfinished ON pipeline_runs (state, next_attempt_at) WHERE state <> 'done';

-- What pipelines keep (docs/retention.md). They outlive the messages they were made of.
CREATE TABLE kept_user_activity (
  pipeline    text NOT NULL,
  channel_id  int NOT NULL,
  day         date NOT NULL,
  user_id     int NOT NULL,
  login       text NOT NULL,
  messages    int NOT NULL,
  avg_length  double precision NOT NULL,
  sessions    int NOT NULL,
  mod_actions int NOT NULL,
  PRIMARY KEY (pipeline, channel_id, day, user_id)
);
-- Whom a kept row is about: a user to whom one refers stays, a person who is forgotten goes from all of them.
CREATE INDEX kept_user_activity_by_user ON kept_user_activity (user_id);
CREATE TABLE kept_channel_summaries (
  pipeline   text NOT NULL,
  channel_id int NOT NULL,
  day        date NOT NULL,
  summary    jsonb NOT NULL,
  PRIMARY KEY (pipeline, channel_id, day)
);
CREATE TABLE kept_messages (
  pipeline   text NOT NULL,
  channel_id int NOT NULL,
  ts         timestamptz NOT NULL,
  key        uuid NOT NULL,
  user_id    int,
  login      text NOT NULL,
  text       text NOT NULL,
  -- The whole line.
  line       text NOT NULL,
  PRIMARY KEY (pipeline, key, ts)
);
CREATE INDEX kept_messages_by_channel ON kept_messages (channel_id, ts);
CREATE INDEX kept_messages_by_user ON kept_messages (user_id) WHERE user_id IS NOT NULL;
CREATE TABLE user_scores (
  pipeline   text NOT NULL,
  platform   text NOT NULL,
  user_id    int NOT NULL,
  score      double precision NOT NULL,
  days       int NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (pipeline, user_id)
);
CREATE INDEX user_scores_by_user ON user_scores (user_id);

-- What people asked for: a copy of the decisions in the archive (src/privacy/decision.ts). Nobody stands here by name.
CREATE TABLE decisions (
  id         text PRIMARY KEY,
  -- opt_out, opt_in, channel_opt_out, channel_opt_in, forget, delete_message, purge_message.
  kind       text NOT NULL,
  platform   text NOT NULL,
  -- SHA-256 of platform and user key, where it is about a person.
  hash       text,
  made_at    timestamptz NOT NULL,
  -- When it was carried out in this database; opt-outs need no carrying out.
  applied_at timestamptz,
  content    jsonb NOT NULL
);

CREATE TABLE api_tokens (
  id           text PRIMARY KEY,
  name         text NOT NULL,
  -- SHA-256 of the token.
  hash         text NOT NULL UNIQUE,
  scope        text NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz,
  revoked_at   timestamptz
);

-- "epoch": goes up whenever rows of channels, users, user_names or templates were removed: who remembers their ids forgets them.
CREATE TABLE index_meta (
  name  text PRIMARY KEY,
  value text NOT NULL
);
INSERT INTO index_meta VALUES ('epoch', '0');
