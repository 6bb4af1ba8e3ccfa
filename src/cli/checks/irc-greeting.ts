import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { ChatlogError } from '../../lib/errors.ts';

export interface Endpoint {
  host: string;
  port: number;
  tls: boolean;
  /** PEM, in place of the system's authorities. */
  ca?: string;
  /** PEM of a client certificate. */
  cert?: string;
  key?: string;
  insecure?: boolean;
}

const BYTES_MAX = 64 * 1024;

/**
 * Connects, sends lines and reads until `verdict` answers for a line. Throws the system's error, or an error with
 * what the server said last where it hangs up before.
 */
export async function greet<T>(
  endpoint: Endpoint,
  lines: readonly string[],
  verdict: (line: string, send: (line: string) => void) => T | undefined,
  signal: AbortSignal,
): Promise<T> {
  if (isIP(endpoint.host) === 0) await Promise.race([lookup(endpoint.host), rejectOnAbort(signal)]);
  const socket = open(endpoint);
  let stage: Stage = 'connecting';
  socket.once('connect', () => {
    stage = endpoint.tls ? 'securing' : 'greeting';
  });
  const destroy = () => socket.destroy(noAnswer(stage));
  signal.addEventListener('abort', destroy, { once: true });
  try {
    await once(socket, endpoint.tls ? 'secureConnect' : 'connect');
    stage = 'greeting';
    const send = (line: string) => void socket.write(`${line}\r\n`);
    for (const line of lines) send(line);
    return await readUntil(socket, (line) => verdict(line, send));
  } finally {
    signal.removeEventListener('abort', destroy);
    socket.on('error', () => {});
    socket.end('QUIT\r\n');
    setTimeout(() => socket.destroy(), 500).unref();
  }
}

type Stage = 'connecting' | 'securing' | 'greeting';

/** How far it came tells what to look at. */
function noAnswer(stage: Stage): ChatlogError {
  switch (stage) {
    case 'connecting':
      return new ChatlogError('no_answer', 'no connection in time', {
        hint: 'check host, port and firewalls',
      });
    case 'securing':
      return new ChatlogError('no_answer', 'connected, but no TLS handshake in time', {
        hint: 'that port may not speak TLS: set "tls: false", or use the TLS port',
      });
    case 'greeting':
      return new ChatlogError('no_answer', 'connected, but no greeting in time', {
        hint: 'is that a chat server, and does the port want TLS ("tls: true")?',
      });
    default:
      return stage satisfies never;
  }
}

function open({ host, port, tls, ca, cert, key, insecure }: Endpoint): Socket {
  if (!tls) return connect({ host, port });
  return connectTls({
    host,
    port,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    rejectUnauthorized: !insecure,
  });
}

async function readUntil<T>(socket: Socket, verdict: (line: string) => T | undefined): Promise<T> {
  let rest = '';
  let bytes = 0;
  let last = '';
  for await (const chunk of socket.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    bytes += chunk.length;
    if (bytes > BYTES_MAX) throw new Error('much was said, but no greeting');
    const lines = (rest + chunk).split(/\r?\n/);
    rest = lines.pop()!;
    for (const line of lines) {
      const answer = verdict(line);
      if (answer !== undefined) return answer;
      last = line;
    }
  }
  throw new Error(`the server closed the connection${last === '' ? '' : `: ${last.slice(0, 200)}`}`);
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
