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

/** What a channel may say about itself; what it leaves out comes from `defaults`. */
export const channelSettings = {
  enabled: z.boolean().optional(),
  /** Share of messages kept, 0 to 1. */
  sampling_rate: rate.optional(),
  retention_days: retentionDays.optional(),
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

/** A channel is a name or a mapping. */
const channelEntry = z.union([twitchName.transform((name) => ({ name })), channel]);
const ircChannelEntry = z.union([ircName.transform((name) => ({ name })), ircChannel]);

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

  http: z
    .strictObject({
      enabled: z.boolean().default(true),
      host: host.default('127.0.0.1'),
      /** 0 = any free port, printed at the start. */
      port: z.number().int().min(0).max(65_535).default(8080),
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
export type S3Config = NonNullable<Config['s3']>;
