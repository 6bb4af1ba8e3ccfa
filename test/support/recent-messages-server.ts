/**
 * A stand-in for the recent-messages service (recent-messages.robotty.de, API version 2) over the history of a
 * replay server. As the real one it parses and rewrites every line: tags come in a random order and newly escaped,
 * `historical` and `rm-received-ts` are added, moderated messages are marked `rm-deleted`, and a last parameter of
 * one word loses its colon.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ChannelHistory, RememberedLine } from './channel-history.ts';
import { commandOf } from './corpus.ts';

export interface RecentMessagesOptions {
  history: ChannelHistory;
  /** Default true. */
  shuffleTags?: boolean;
  /** Most lines in one answer. Default 800, as the real service. */
  linesMax?: number;
}

/** What goes wrong, from the moment it is set. */
export interface RecentMessagesFaults {
  /** Answers of this kind are given... */
  kind:
    | 'none'
    /** 500 with the service's JSON */
    | 'error'
    /** 502 with a proxy's HTML */
    | 'bad-gateway'
    /** 429 */
    | 'rate-limit'
    /** no answer, the connection stays */
    | 'hang'
    /** half of an answer, then the connection breaks */
    | 'cut'
    /** 200 with something that is not JSON */
    | 'garbage'
    /** 200 with JSON of another shape */
    | 'wrong-shape';
  /** ...to so many requests, then `none`. */
  times: number;
}

export interface RecentMessagesServer extends AsyncDisposable {
  /** For `twitch.backfill.url`. */
  readonly url: string;
  readonly faults: RecentMessagesFaults;
  /** Channels that asked to be left out: 403 `channel_ignored`. */
  readonly ignored: Set<string>;
  /** Channels that the service is not in: 200, what it has, and `channel_not_joined`. */
  readonly notJoined: Set<string>;
  /** Path and query of every request, in order. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

const PATH = '/api/v2/recent-messages';
const NOT_JOINED = 'The bot is currently not joined to this channel (in progress or failed previously)';

export async function startRecentMessagesServer(
  options: RecentMessagesOptions,
): Promise<RecentMessagesServer> {
  const faults: RecentMessagesFaults = { kind: 'none', times: 0 };
  const ignored = new Set<string>();
  const notJoined = new Set<string>();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    if (faults.times > 0 && faults.kind !== 'none') {
      faults.times -= 1;
      misbehave(faults.kind, response);
    } else send(response, answer(request, { ...options, ignored, notJoined }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}${PATH}`;
  return { url, faults, ignored, notJoined, requests, close, [Symbol.asyncDispose]: close };
}

interface Service extends RecentMessagesOptions {
  readonly ignored: ReadonlySet<string>;
  readonly notJoined: ReadonlySet<string>;
}

interface Reply {
  status: number;
  body: unknown;
}

function answer(request: IncomingMessage, service: Service): Reply {
  const url = new URL(request.url ?? '/', 'http://service');
  if (request.method !== 'GET') return refusal(405, 'method_not_allowed', 'Method Not Allowed');
  if (!url.pathname.startsWith(`${PATH}/`)) return refusal(404, 'not_found', 'Not Found');
  const login = url.pathname.slice(PATH.length + 1);
  if (!/^[a-z0-9_]{1,25}$/.test(login)) {
    return refusal(400, 'invalid_channel_login', `Invalid channel login: ${login}`);
  }
  const [limit, after, before] = ['limit', 'after', 'before'].map((key) => numberIn(url, key));
  if ([limit, after, before].some(Number.isNaN)) {
    return refusal(400, 'invalid_query', 'Invalid or missing query parameters');
  }
  if (service.ignored.has(login)) {
    return refusal(403, 'channel_ignored', `The channel login \`${login}\` is excluded from this service`);
  }
  const count = Math.min(limit ?? Number.POSITIVE_INFINITY, service.linesMax ?? 800);
  const wanted = service.history
    .of(login)
    .filter(
      ({ receivedMs }) => receivedMs > (after ?? 0) && receivedMs < (before ?? Number.POSITIVE_INFINITY),
    );
  const messages = exportLines(count === 0 ? [] : wanted.slice(-count), service.shuffleTags ?? true);
  const trouble = service.notJoined.has(login)
    ? { error: NOT_JOINED, error_code: 'channel_not_joined' }
    : { error: null, error_code: null };
  return { status: 200, body: { messages, ...trouble } };
}

function refusal(status: number, code: string, text: string): Reply {
  return { status, body: { status, status_message: STATUS_CODES[status], error: text, error_code: code } };
}

function send(response: ServerResponse, { status, body }: Reply): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function misbehave(kind: Exclude<RecentMessagesFaults['kind'], 'none'>, response: ServerResponse): void {
  switch (kind) {
    case 'error':
      send(response, refusal(500, 'internal_server_error', 'Internal Server Error'));
      break;
    case 'rate-limit':
      send(response, refusal(429, 'too_many_requests', 'Too Many Requests'));
      break;
    case 'wrong-shape':
      send(response, { status: 200, body: { messages: { first: 1 }, error: 3 } });
      break;
    case 'bad-gateway':
      response.writeHead(502, { 'content-type': 'text/html' }).end('<html><h1>502 Bad Gateway</h1></html>');
      break;
    case 'garbage':
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"messages":["@id=1 :a PRIV');
      break;
    case 'cut':
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '5000' });
      response.write('{"messages":["', () => response.destroy());
      break;
    case 'hang':
      break;
    default:
      kind satisfies never;
  }
}

function numberIn(url: URL, key: string): number | undefined {
  const text = url.searchParams.get(key);
  if (text === null) return undefined;
  return /^\d+$/.test(text) ? Number(text) : Number.NaN;
}

interface Parsed {
  tags: Map<string, string | true>;
  /** Everything after the tags. */
  rest: string;
}

function exportLines(remembered: readonly RememberedLine[], shuffleTags: boolean): string[] {
  const parsed = remembered.map(({ line }) => parse(line));
  for (const [index, { line }] of remembered.entries()) {
    for (const earlier of parsed.slice(0, index)) {
      if (moderates(line, parsed[index]!, earlier)) earlier.tags.set('rm-deleted', '1');
    }
  }
  return parsed.map(({ tags, rest }, index) => {
    tags.set('historical', '1');
    tags.set('rm-received-ts', String(remembered[index]!.receivedMs));
    const entries = shuffleTags ? shuffled([...tags], index + 1) : [...tags];
    const text = entries.map(([key, value]) => (value === true ? key : `${key}=${value}`)).join(';');
    return `@${text} ${rest.replace(/^(:[^ ]+ [^ ]+ #[^ ]+) :(?!:)([^ ]+)$/, '$1 $2')}`;
  });
}

function parse(line: string): Parsed {
  const [, tagged, rest] = /^(?:@([^ ]+) +)?(.*)$/s.exec(line)!;
  const tags = new Map<string, string | true>();
  for (const tag of tagged?.split(';') ?? []) {
    const [key, ...value] = tag.split('=');
    tags.set(key!, tag.includes('=') ? escapeAnew(value.join('=')) : true);
  }
  return { tags, rest: rest! };
}

/** Whether the moderation event `line` is about the earlier line. */
function moderates(line: string, event: Parsed, earlier: Parsed): boolean {
  const command = commandOf(line);
  if (command === 'CLEARMSG') return earlier.tags.get('id') === event.tags.get('target-msg-id');
  if (command !== 'CLEARCHAT') return false;
  const target = event.tags.get('target-user-id');
  return target === undefined || earlier.tags.get('user-id') === target;
}

const ESCAPES: Record<string, string> = { ':': '\\:', s: '\\s', '\\': '\\\\', r: '\\r', n: '\\n' };

/** Unknown and lone escapes lose their backslash when the service unescapes and escapes a value. */
function escapeAnew(value: string): string {
  return value.replace(/\\(.?)/gsu, (_, letter: string) => ESCAPES[letter] ?? letter);
}

/** A permutation that depends on the seed alone. */
function shuffled<T>(items: T[], seed: number): T[] {
  let state = seed;
  for (let last = items.length - 1; last > 0; last--) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    const other = (state >>> 8) % (last + 1);
    [items[last], items[other]] = [items[other]!, items[last]!];
  }
  return items;
}
