/** Chatlog on a replay server: the configuration that makes it quick, and the waits that every such test needs. */
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

/** Resolves when so many lines have been recorded (fdatasync returned) since the start, at least. */
export async function recorded(chatlog: RunningChatlog, lines: number): Promise<void> {
  await chatlog.until(
    `${lines} lines recorded`,
    async () => (await chatlog.status()).recorder.recorded >= lines,
  );
}
