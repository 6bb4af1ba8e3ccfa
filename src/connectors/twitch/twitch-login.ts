import { readFile } from 'node:fs/promises';
import type { TwitchConfig } from '../../config/schema.ts';
import type { IrcConnectionOptions } from '../irc/irc-connection.ts';

/** JOIN only after these: without them lines have no ids, and bans and notices do not come at all. */
const REQUIRED_CAPS = ['twitch.tv/tags', 'twitch.tv/commands'];

/**
 * How Twitch is logged in to: with the token where there is one with its login, else as nobody. Reads the
 * certificates anew each time.
 */
export async function twitchLogin(
  config: TwitchConfig,
  random: () => number,
): Promise<Omit<IrcConnectionOptions, 'registerTimeoutMs' | 'capFallbackMs' | 'sink' | 'now'>> {
  const { host, port, tls, tls_ca_file: caFile, oauth, username } = config;
  const token = oauth?.replace(/^oauth:/, '');
  return {
    host,
    port,
    tls: tls ? (caFile ? { ca: await readFile(caFile, 'utf8') } : {}) : undefined,
    ...(token && username
      ? { nick: username.toLowerCase(), password: `oauth:${token}` }
      : { nick: anonymousNick(random) }),
    caps: ['twitch.tv/membership'],
    requiredCaps: REQUIRED_CAPS,
    pingAfterMs: config.ping_after_seconds * 1000,
    pingTimeoutMs: config.ping_timeout_seconds * 1000,
  };
}

/** Whoever calls themselves `justinfan` and digits needs no token. */
function anonymousNick(random: () => number): string {
  return `justinfan${10_000 + Math.floor(random() * 89_999)}`;
}
