import { readFile } from 'node:fs/promises';
import type { IrcNetworkConfig } from '../../config/schema.ts';
import type { IrcConnectionOptions } from './irc-connection.ts';
import type { TransportTls } from './irc-transport.ts';

/** Welcome where offered; without any of them a network is recorded all the same. */
const CAPS = [
  'server-time',
  'message-tags',
  'account-tag',
  'batch',
  'labeled-response',
  'echo-message',
  'away-notify',
  'extended-join',
  'multi-prefix',
  'chghost',
  'setname',
  'draft/chathistory',
  'draft/event-playback',
];

/** Nicks with one and two underscores, then with random digits. */
const UNDERSCORES_MAX = 2;

/** How a network is logged in to. Reads certificates anew each time, so that renewed ones are used. */
export async function ircLogin(
  config: IrcNetworkConfig,
  random: () => number,
): Promise<Omit<IrcConnectionOptions, 'registerTimeoutMs' | 'sink' | 'now'>> {
  const { nick, sasl } = config;
  return {
    host: config.host,
    port: config.port,
    tls: config.tls ? await tlsOf(config) : undefined,
    nick,
    username: config.username,
    realname: config.realname,
    password: config.server_password,
    sasl: sasl && { mechanism: sasl.mechanism, account: sasl.account ?? nick, password: sasl.password },
    caps: CAPS,
    nextNick: (attempt) =>
      attempt <= UNDERSCORES_MAX ? nick + '_'.repeat(attempt) : `${nick}${Math.floor(random() * 10_000)}`,
    pingAfterMs: config.ping_after_seconds * 1000,
    pingTimeoutMs: config.ping_timeout_seconds * 1000,
  };
}

async function tlsOf({
  tls_ca_file: caFile,
  tls_insecure: insecure,
  sasl,
}: IrcNetworkConfig): Promise<TransportTls> {
  return {
    insecure,
    ...(caFile === undefined ? {} : { ca: await readFile(caFile, 'utf8') }),
    ...(sasl?.cert_file === undefined ? {} : { cert: await readFile(sasl.cert_file, 'utf8') }),
    ...(sasl?.key_file === undefined ? {} : { key: await readFile(sasl.key_file, 'utf8') }),
  };
}
