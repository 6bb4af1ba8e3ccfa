/** Whether the platforms can be reached: name, connection, certificate, and what the server says to us. */
import { readFile } from 'node:fs/promises';
import type { IrcNetworkConfig, TwitchConfig } from '../../config/schema.ts';
import { attempt, type CheckResult } from './check-result.ts';
import { type Endpoint, greet } from './irc-greeting.ts';

type Verdict = Omit<CheckResult, 'what'>;

/** Logs in as the recorder would, and leaves again. */
export function checkTwitch(twitch: TwitchConfig, signal: AbortSignal): Promise<CheckResult> {
  return attempt('twitch', async () => {
    const endpoint: Endpoint = { ...twitch, ...(await authority(twitch.tls_ca_file)) };
    const token = twitch.oauth?.replace(/^oauth:/i, '');
    const nick = twitch.username ?? `justinfan${10_000 + Math.floor(Math.random() * 80_000)}`;
    const login = token === undefined ? [`NICK ${nick}`] : [`PASS oauth:${token}`, `NICK ${nick}`];
    const as = token === undefined ? 'anonymously' : `as ${nick}`;
    return greet(endpoint, login, (line, send) => twitchVerdict(line, send, as, twitch), signal);
  });
}

function twitchVerdict(
  line: string,
  send: (line: string) => void,
  as: string,
  twitch: TwitchConfig,
): Verdict | undefined {
  if (line.startsWith('PING')) send(line.replace('PING', 'PONG'));
  if (/^:\S+ 001 /.test(line)) return { outcome: 'ok', detail: `logged in ${as} at ${address(twitch)}` };
  const notice = /^(?:@\S+ )?:\S+ NOTICE \* :(.*)$/.exec(line)?.[1];
  if (notice === undefined) return undefined;
  return {
    outcome: 'failed',
    detail: `Twitch says: ${notice}`,
    hint: 'make a new token with the scope chat:read for "oauth"',
  };
}

/** Any HTTP answer will do: what the service knows of a channel is another matter. */
export function checkBackfill(url: string, fetcher: typeof fetch, signal: AbortSignal): Promise<CheckResult> {
  return attempt('backfill', async () => {
    const { host } = new URL(url);
    try {
      const response = await fetcher(`${url.replace(/\/$/, '')}/twitch?limit=1`, { signal });
      await response.body?.cancel();
      if (response.status < 500) return { outcome: 'ok', detail: `${host} answers (${response.status})` };
      const hint = 'gaps are filled once it works again; recording goes on';
      return { outcome: 'warn', detail: `${host} answers with an error (${response.status})`, hint };
    } catch (error) {
      // `fetch failed` says nothing: what happened is in the cause.
      const cause = error instanceof TypeError && error.cause ? error.cause : error;
      const failed = await attempt('backfill', () => Promise.reject(cause));
      const hint = `recording works without it; gaps cannot be filled${failed.hint ? ` (${failed.hint})` : ''}`;
      return { outcome: 'warn', detail: `${host}: ${failed.detail}`, hint };
    }
  });
}

/** Registers with the configured nick, and leaves again. The nick may be in use by the running recorder. */
export function checkIrc(name: string, network: IrcNetworkConfig, signal: AbortSignal): Promise<CheckResult> {
  return attempt(`irc-${name}`, async () => {
    const endpoint: Endpoint = {
      ...network,
      insecure: network.tls_insecure,
      ...(await authority(network.tls_ca_file)),
      ...(await clientCertificate(network)),
    };
    const login = [
      ...(network.server_password === undefined ? [] : [`PASS :${network.server_password}`]),
      `NICK ${network.nick}`,
      `USER ${network.username ?? network.nick} 0 * :${network.realname ?? network.nick}`,
    ];
    return greet(endpoint, login, (line, send) => ircVerdict(line, send, network), signal);
  });
}

function ircVerdict(
  line: string,
  send: (line: string) => void,
  network: IrcNetworkConfig,
): Verdict | undefined {
  const [, command, text] = /^(?:@\S+ )?(?::\S+ )?(\w+)(?: (.*))?$/.exec(line) ?? [];
  switch (command) {
    case 'PING':
      send(`PONG ${text ?? ''}`);
      return undefined;
    case '001':
      return { outcome: 'ok', detail: `registered as ${network.nick} at ${address(network)}` };
    case '433':
      return {
        outcome: 'ok',
        detail: `${address(network)} answers; the nick ${network.nick} is in use (by the running recorder?)`,
      };
    case '464':
      return {
        outcome: 'failed',
        detail: 'the server refuses the password',
        hint: 'check "server_password"',
      };
    case '432':
      return {
        outcome: 'failed',
        detail: `the server refuses the nick ${network.nick}`,
        hint: 'choose another "nick"',
      };
    case 'ERROR':
      return { outcome: 'failed', detail: `the server says: ${text ?? ''}` };
    default:
      return undefined;
  }
}

function address({ host, port, tls }: { host: string; port: number; tls: boolean }): string {
  return `${host}:${port}${tls ? '' : ' (without TLS)'}`;
}

async function authority(file: string | undefined): Promise<{ ca?: string }> {
  return file === undefined ? {} : { ca: await readFile(file, 'utf8') };
}

async function clientCertificate({ sasl }: IrcNetworkConfig): Promise<{ cert?: string; key?: string }> {
  if (sasl?.cert_file === undefined) return {};
  const cert = await readFile(sasl.cert_file, 'utf8');
  return { cert, key: sasl.key_file === undefined ? cert : await readFile(sasl.key_file, 'utf8') };
}
