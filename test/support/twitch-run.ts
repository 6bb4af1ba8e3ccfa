/** Chatlog on a replay server: the configuration that makes it quick, and the waits that every such test needs. */
import type { ChatEvent } from '../../src/event.ts';
import { compareTwitch, gapsOf, recordedIn } from './recorded.ts';
import { type RunningChatlog, runChatlog } from './run-chatlog.ts';
import type { TwitchServer } from './twitch-server.ts';

export interface TwitchRunOptions {
  directory: string;
  channels: readonly unknown[];
  /** Over the `twitch` section. */
  twitch?: Record<string, unknown>;
  /** Over the `recorder` section. */
  recorder?: Record<string, unknown>;
  /** Over the whole configuration. */
  config?: Record<string, unknown>;
  wrapper?: readonly string[];
  env?: Record<string, string>;
}

export function twitchConfig(server: TwitchServer, options: TwitchRunOptions): Record<string, unknown> {
  return {
    twitch: {
      host: server.host,
      port: server.port,
      tls: server.caFile !== undefined,
      ...(server.caFile === undefined ? {} : { tls_ca_file: server.caFile }),
      channels: options.channels,
      connect_interval_seconds: 0,
      join_budget: 2000,
      backoff: { min_seconds: 0.05, max_seconds: 0.3 },
      backfill: { enabled: false },
      ...options.twitch,
    },
    recorder: { flush_interval_seconds: 0.05, idle_seal_seconds: 1, ...options.recorder },
    upload: { backoff: { min_seconds: 0.05, max_seconds: 0.3 } },
    log: { level: 'debug' },
    ...options.config,
  };
}

export async function runOnTwitch(server: TwitchServer, options: TwitchRunOptions): Promise<RunningChatlog> {
  const { directory, wrapper, env } = options;
  return runChatlog({ directory, config: twitchConfig(server, options), wrapper, env });
}

/** Resolves when Chatlog says that it is joined, which is when the feed is certain. */
export async function joined(chatlog: RunningChatlog, ...channels: readonly string[]): Promise<void> {
  await chatlog.until(`${channels.join(', ')} joined`, async () => {
    const rows = (await chatlog.status()).channels;
    return channels.every((name) =>
      rows.some(({ channel, state }) => channel === name && state === 'joined'),
    );
  });
}

/**
 * Resolves when Chatlog has asked the history for what was said before it came. A connection that is lost before that
 * makes one gap of both, which is as it should be, and not what a test of outages wants to see.
 */
export async function caughtUp(chatlog: RunningChatlog, ...channels: readonly string[]): Promise<void> {
  await joined(chatlog, ...channels);
  await chatlog.until(`${channels.join(', ')} caught up`, () => {
    const done = chatlog.log().filter(({ msg }) => msg === 'gap filled' || msg === 'gap could not be filled');
    return channels.every((name) => done.some(({ channel }) => channel === name));
  });
}

/** Resolves when all of these lines are on disk. */
export function arrived(chatlog: RunningChatlog, lines: readonly string[]): Promise<void> {
  return inArchive(
    chatlog,
    `${lines.length} lines arrived`,
    (events) => compareTwitch(events, lines).missing.length === 0,
  );
}

/** Resolves when so many outages are written down. */
export function gapsWritten(chatlog: RunningChatlog, count: number): Promise<void> {
  return inArchive(chatlog, `${count} gaps are written`, (events) => gapsOf(events).length >= count);
}

/** A segment that moves may be missed by one look; but reading everything is work, so looks are spaced out. */
const LOOK_EVERY_MS = 200;

async function inArchive(
  chatlog: RunningChatlog,
  what: string,
  holds: (events: ChatEvent[]) => boolean,
): Promise<void> {
  let nextLookMs = 0;
  await chatlog.until(what, async () => {
    if (performance.now() < nextLookMs) return false;
    const found = holds(await recordedIn(chatlog.directory));
    nextLookMs = performance.now() + LOOK_EVERY_MS;
    return found;
  });
}
