/**
 * The configuration: one zod schema, from which the type, the defaults and the messages come. Keys are spelt as in
 * YAML. Reading, `${VAR}`, line numbers and "did you mean" are in `load-config.ts`; what concerns several keys is in
 * `check-consistency.ts`. A message continues the sentence "found X, ...".
 */
import { z } from 'zod';
import { ircChannelName, type NameResult, twitchChannelName } from './channel-names.ts';

/** Timers take at most 2^31 ms, a little under 25 days. */
const SECONDS_MAX = 2_000_000;
/** Durations given as plain numbers; the unit is in the key's name. */
const seconds = z.number().positive().max(SECONDS_MAX);
const secondsOrZero = z.number().min(0).max(SECONDS_MAX);
const minutes = z.number().positive().max(30_000);
const count = z.number().int().positive();
const port = z.number().int().min(1).max(65_535);

const host = z
  .string()
  .regex(
    /^(?:[^\s/:@[\]]+|[0-9a-f.]*:[0-9a-f]*:[0-9a-f:.]*)$/i,
    'should be a host name or address alone; the port goes into "port"',
  );
/** Something is appended to it, and it appears in logs: nothing that is to follow a path, nothing secret. */
const httpUrl = z
  .url({ protocol: /^https?$/, error: 'should be an http or https URL' })
  .regex(/^[^@?#]*$/, 'should be an address alone, without user, password, "?" and "#"');
/** What is sent in one line of a text protocol: nothing in it may end the line. */
const oneLine = z.string().regex(/^[^\r\n\0]+$/, 'should be a text of one line, not empty');
const oneWord = z.string().regex(/^[^\s\0]+$/, 'should be one word, without spaces');

const rate = z.number().min(0).max(1);
const retentionDays = z.union([z.number().positive().max(36_500), z.literal('forever')]);
const pipelineName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'should be a name: 1 to 63 of a-z, 0-9, - and _');
const pipelineNames = z.array(pipelineName);

/** What a channel may say about itself; what it leaves out comes from `defaults`. */
export const channelSettings = {
  enabled: z.boolean().optional(),
  /** Share of messages kept, 0 to 1. */
  sampling_rate: rate.optional(),
  /** How long the index keeps its rows. */
  retention_days: retentionDays.optional(),
  /** How long storage keeps its objects. */
  object_retention_days: retentionDays.optional(),
  /** What runs over its rows before they go, by name. */
  pipelines: pipelineNames.optional(),
  /** Record joins, parts and the like. */
  presence: z.boolean().optional(),
};

/** A name as people write it becomes the name that the platform compares. */
function nameOf(normalise: (text: string) => NameResult) {
  return z.string().transform((text, context) => {
    const result = normalise(text);
    if ('name' in result) return result.name;
    context.addIssue({ code: 'custom', message: result.problem });
    return z.NEVER;
  });
}

const twitchName = nameOf(twitchChannelName);
const ircName = nameOf(ircChannelName);
const channel = z.strictObject({ name: twitchName, ...channelSettings });
const ircChannel = z.strictObject({
  name: ircName,
  key: z
    .string()
    .regex(/^[^\s,\0]+$/, 'should be a channel key: no space, no comma')
    .optional(),
  ...channelSettings,
});

/** The form of a cron expression: five or six fields, or `@daily` and the like. */
export const SCHEDULE_PATTERN = /^(@\w+|\S+( +\S+){4,5})$/;

/** A channel is a name or a mapping. */
const channelEntry = z.union([twitchName.transform((name) => ({ name })), channel]);
const ircChannelEntry = z.union([ircName.transform((name) => ({ name })), ircChannel]);

/** The steps of a pipeline (docs/retention.md): each sees the rows of one channel and UTC day, before they go. */
const pipelineStep = z.discriminatedUnion('step', [
  /** One row per user into `kept_user_activity`. */
  z.strictObject({ step: z.literal('user_activity') }),
  /** One row into `kept_channel_summaries`. */
  z.strictObject({ step: z.literal('channel_summary') }),
  /** Messages that match any of these go into `kept_messages`. */
  z.strictObject({
    step: z.literal('keep'),
    moderators: z.boolean().default(false),
    replies: z.boolean().default(false),
    words: z.array(z.string().min(1)).default([]),
    users: z.array(z.string().min(1)).default([]),
  }),
  /** Every row as one object in storage, below `prefix`. */
  z.strictObject({
    step: z.literal('export'),
    format: z.enum(['jsonl', 'parquet']).default('jsonl'),
    prefix: z
      .string()
      .regex(/^[a-z0-9][a-z0-9/_-]*\/$/, 'should be a path of a-z, 0-9, -, _ and /, ending in /')
      .default('exports/'),
  }),
  /** Adds to each user's score in `user_scores`. */
  z.strictObject({
    step: z.literal('user_scores'),
    message: z.number().default(1),
    reply: z.number().default(0),
    timeout: z.number().default(0),
    ban: z.number().default(0),
    deleted: z.number().default(0),
  }),
  /** One statement, in the transaction that marks the step as done. $1 = channel id, $2 and $3 = from and to. */
  z.strictObject({ step: z.literal('sql'), statement: z.string().min(1) }),
  /** A program that reads the lines as JSON Lines; exit code 0 = done. */
  z.strictObject({
    step: z.literal('command'),
    argv: z.array(z.string()).min(1),
    timeout_seconds: seconds.default(600),
  }),
  /** A POST with a summary, and a key that is the same at every attempt (`Idempotency-Key`). */
  z.strictObject({
    step: z.literal('webhook'),
    url: z.url({ protocol: /^https?$/, error: 'should be an http or https URL' }),
    headers: z.record(z.string().regex(/^[A-Za-z0-9-]+$/), oneLine).default({}),
    timeout_seconds: seconds.default(30),
  }),
]);

const databaseUrl = z.url({
  protocol: /^postgres(ql)?$/,
  error: 'should be an address such as postgres://user:password@host:5432/database',
});

const backoff = z.strictObject({
  min_seconds: seconds.default(1),
  max_seconds: seconds.default(300),
});

export const configSchema = z.strictObject({
  /** Tells apart several recorders that fill one archive; part of no key unless two of them collide. */
  instance: z
    .string()
    .regex(/^[a-z0-9-]{0,32}$/, 'should be at most 32 of a-z, 0-9 and -')
    .default(''),
  data_dir: z.string().min(1).default('data'),

  /** PostgreSQL 15 or newer for the index; left out: an embedded one below `data_dir`. */
  database_url: databaseUrl.optional(),
  /** A read replica for queries. */
  database_read_url: databaseUrl.optional(),

  twitch: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** Login of the token's account; anonymous without. */
      username: twitchName.optional(),
      /** Token with scope `chat:read`, with or without `oauth:`. */
      oauth: oneWord.optional(),
      channels: z.array(channelEntry).default([]),
      host: host.default('irc.chat.twitch.tv'),
      port: port.default(6697),
      tls: z.boolean().default(true),
      /** PEM file with certificates to trust in place of the system's. */
      tls_ca_file: z.string().optional(),
      channels_per_connection: count.default(90),
      /** JOINs per 10 s, counted per channel. */
      join_budget: count.default(20),
      join_timeout_seconds: seconds.default(10),
      /** Shortest time between two new connections. */
      connect_interval_seconds: secondsOrZero.default(2),
      /** An own PING is sent when nothing came for so long... */
      ping_after_seconds: seconds.default(20),
      /** ...and the connection is given up when then nothing comes for so long. */
      ping_timeout_seconds: seconds.default(8),
      /** A joined channel that is silent for longer, and for 30 times its own habit, is asked for on another connection. */
      silent_after_seconds: seconds.default(300),
      backoff: backoff.prefault({}),
      backfill: z
        .strictObject({
          enabled: z.boolean().default(true),
          url: httpUrl.default('https://recent-messages.robotty.de/api/v2/recent-messages'),
        })
        .prefault({}),
    })
    .optional(),

  irc: z
    .record(
      z.string().regex(/^[a-z0-9-]{1,32}$/, 'should be a name for the network: 1 to 32 of a-z, 0-9 and -'),
      z.strictObject({
        enabled: z.boolean().default(true),
        host,
        port: port.default(6697),
        tls: z.boolean().default(true),
        tls_ca_file: z.string().optional(),
        /** Accept a certificate that does not match (self-signed servers). */
        tls_insecure: z.boolean().default(false),
        nick: z
          .string()
          .regex(/^[^\s\0,:@!#&*?]+$/, 'should be an IRC nick: one word without , : @ ! # & * ?'),
        username: oneWord.optional(),
        realname: oneLine.optional(),
        server_password: oneLine.optional(),
        sasl: z
          .strictObject({
            mechanism: z.enum(['PLAIN', 'EXTERNAL']).default('PLAIN'),
            account: oneLine.optional(),
            password: oneLine.optional(),
            cert_file: z.string().optional(),
            key_file: z.string().optional(),
          })
          .optional(),
        /** Sent to NickServ as IDENTIFY where SASL is not offered. */
        nickserv_password: oneWord.optional(),
        channels: z.array(ircChannelEntry).default([]),
        /** Seconds between JOIN lines beyond the first ten. */
        join_interval_seconds: secondsOrZero.default(2),
        join_timeout_seconds: seconds.default(20),
        ping_after_seconds: seconds.default(60),
        ping_timeout_seconds: seconds.default(20),
        backoff: backoff.prefault({}),
      }),
    )
    .default({}),

  defaults: z
    .strictObject({
      enabled: z.boolean().default(true),
      sampling_rate: rate.default(1),
      retention_days: retentionDays.default(30),
      object_retention_days: retentionDays.default('forever'),
      pipelines: pipelineNames.default([]),
      presence: z.boolean().default(false),
    })
    .prefault({}),

  /** Messages that sampling never drops. */
  keep: z
    .strictObject({
      users: z.array(z.string().min(1)).default([]),
      /** Found anywhere in the text, upper and lower case alike. */
      words: z.array(z.string().min(1)).default([]),
    })
    .prefault({}),

  recorder: z
    .strictObject({
      /** A line is on disk (fdatasync) at the latest so long after it came. */
      flush_interval_seconds: z.number().positive().max(60).default(1),
      /** Lines waiting for one file that start a commit at once. */
      batch_size: count.default(100),
      /** Events held in memory at most; above it sockets are no longer read. */
      max_buffer_size: count.default(20_000),
      max_buffer_bytes: count.default(16 * 1024 * 1024),
      /** A divisor of 60, or 60. */
      rotate_minutes: z
        .number()
        .int()
        .refine((n) => n >= 1 && 60 % n === 0, 'should divide 60: 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30 or 60')
        .default(60),
      rotate_bytes: count.default(64 * 1024 * 1024),
      /** A file of a past hour (backfill) is sealed when nothing came for so long. */
      idle_seal_seconds: seconds.default(60),
      compression: z.enum(['zstd', 'gzip', 'none']).default('zstd'),
      compression_level: z.number().int().min(1).max(19).optional(),
      /** Verified files stay on the local disk for so long. */
      keep_local_hours: z.number().min(0).max(876_000).default(0),
      max_open_files: count.default(2_000),
      /** Below this much free disk, presence is shed and the alarm is raised. */
      min_free_bytes: z
        .number()
        .int()
        .min(0)
        .default(64 * 1024 * 1024),
      /** Ids remembered to recognise duplicates. */
      dedupe_size: count.max(16_777_216).default(262_144),
    })
    .prefault({}),

  /** Where objects go when there is no `s3`. */
  archive: z.strictObject({ directory: z.string().min(1).default('archive') }).prefault({}),

  s3: z
    .strictObject({
      bucket: z.string().min(1),
      region: z.string().default('auto'),
      /** Left out for AWS. */
      endpoint: httpUrl.optional(),
      access_key_id: z.string().optional(),
      secret_access_key: z.string().optional(),
      session_token: z.string().optional(),
      /** Put before every key. */
      prefix: z.string().default(''),
      /** Chosen from the endpoint when left out. */
      provider: z.enum(['aws', 'r2', 'b2', 'tigris', 'ceph', 'generic']).optional(),
      /** `https://host/bucket/key` in place of `https://bucket.host/key`; the provider's habit when left out. */
      force_path_style: z.boolean().optional(),
      tls_ca_file: z.string().optional(),
      connect_timeout_seconds: seconds.default(5),
      /** A socket silent for so long is given up. */
      socket_timeout_seconds: seconds.default(30),
      /** One attempt takes at most so long. */
      attempt_timeout_seconds: seconds.default(300),
    })
    .optional(),

  upload: z
    .strictObject({
      /** Uploads at the same time; providers may lower it. */
      concurrency: z.number().int().min(1).max(16).default(2),
      backoff: backoff.prefault({}),
      /** Larger objects go in parts. */
      single_put_max_bytes: count.default(16 * 1024 * 1024),
      /** Not ready when the oldest file has waited so long... */
      alarm_after_minutes: minutes.default(120),
      /** ...and the process ends (to be restarted) when an attempt hangs without an outcome for so long. */
      stall_exit_minutes: minutes.default(30),
    })
    .prefault({}),

  index: z
    .strictObject({
      /** `auto`: where a `database_url` is given, else where the machine has memory for the embedded database (1 GB). */
      enabled: z.union([z.boolean(), z.literal('auto')]).default('auto'),
      /** Local segments are looked at so often. */
      poll_interval_seconds: seconds.default(2),
      /** Storage is looked through for segments that are not indexed so often. */
      archive_scan_minutes: minutes.default(10),
      /** Lines per transaction. */
      batch_lines: count.max(100_000).default(5_000),
      /** Connections to PostgreSQL at most. */
      connections: z.number().int().min(2).max(100).default(10),
      /** Bans, timeouts and clears mark messages of so long before as removed. */
      moderation_window_hours: z.number().positive().max(8_760).default(24),
      /** Activity that is further apart belongs to two sessions. */
      session_idle_minutes: minutes.default(30),
    })
    .prefault({}),

  /** Named lists of steps that run over rows before retention takes them. */
  pipelines: z.record(pipelineName, z.array(pipelineStep).min(1)).default({}),

  maintenance: z
    .strictObject({
      /** Cron expression, UTC. */
      schedule: z
        .string()
        .regex(SCHEDULE_PATTERN, 'should be a cron expression such as "10 4 * * *"')
        .default('10 4 * * *'),
      /** A step that failed so often waits for `chatlog maintain --retry`. */
      attempts_max: count.default(8),
      backoff: z
        .strictObject({ min_seconds: seconds.default(60), max_seconds: seconds.default(21_600) })
        .prefault({}),
      /** Rows per DELETE. */
      delete_batch: count.max(1_000_000).default(10_000),
      lock_timeout_seconds: seconds.default(5),
    })
    .prefault({}),

  http: z
    .strictObject({
      enabled: z.boolean().default(true),
      host: host.default('127.0.0.1'),
      /** 0 = any free port, printed at the start. */
      port: z.number().int().min(0).max(65_535).default(8080),
      /** Who may read the index: everyone who reaches the port, or holders of a token. Export and admin always need one. */
      read_access: z.enum(['public', 'token']).default('public'),
      /** Requests a minute for each address and token. */
      rate_limit: count.default(100),
      /** Origins whose pages may read; `*` = all. */
      cors_origins: z.array(z.string().min(1)).default(['*']),
      /** Whose word counts for a client's address: nobody's, fly.io's, or the last proxy's (X-Forwarded-For). */
      trust_proxy: z.enum(['none', 'fly', 'forwarded']).default('none'),
      statement_timeout_seconds: seconds.default(2),
      /** Rows per page at most. */
      page_max: count.max(10_000).default(1_000),
      /** Days that one query may span at most. */
      range_max_days: count.max(36_500).default(366),
      /** Who may look on at `/api/live` at a time. */
      live_clients_max: count.default(32),
      /** The name that people say to opt out: `!chatlog optout CODE`. */
      optout_name: z
        .string()
        .regex(/^[a-z0-9_]{1,32}$/, 'should be one word of a-z, 0-9 and _')
        .default('chatlog'),
    })
    .prefault({}),

  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
      /** `auto`: readable on a terminal, JSON elsewhere. */
      format: z.enum(['auto', 'json', 'pretty']).default('auto'),
    })
    .prefault({}),
});

/** The whole configuration with every default filled in. */
export type Config = z.output<typeof configSchema>;
export type TwitchConfig = NonNullable<Config['twitch']>;
export type IrcNetworkConfig = Config['irc'][string];
export type IndexConfig = Config['index'];
export type HttpConfig = Config['http'];
export type PipelineStep = z.output<typeof pipelineStep>;
export type S3Config = NonNullable<Config['s3']>;
