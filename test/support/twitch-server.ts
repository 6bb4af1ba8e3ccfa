/**
 * A stand-in for Twitch's chat on 127.0.0.1: it speaks the dialect (`twitch-session.ts`) over TLS or plain TCP, lets
 * a test say lines in channels, and goes wrong on demand in every way that a recorder has met in the field.
 *
 *     await using twitch = await startTwitchServer();
 *     await waitFor('the join', () => twitch.joined('xqcow') === 1);
 *     twitch.sayTo('xqcow', ...corpusLines());
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import { createAuthority, testAuthority } from './certificates.ts';
import { ChannelHistory } from './channel-history.ts';
import { channelOf } from './corpus.ts';
import { type Refusal, type TwitchFaults, type TwitchRules, TwitchSession } from './twitch-session.ts';

export interface TwitchServerOptions {
  /** Default true. */
  tls?: boolean;
  /** 0 = any. */
  port?: number;
  /** Tokens by login, without `oauth:`; where absent every token is good. Anonymous logins always are. */
  accounts?: Record<string, string>;
  /** Channels that cannot be joined, and why; may be changed at any time. */
  refusals?: Map<string, Refusal>;
  /** JOINs above it are dropped silently. Twitch: 20 per 10,000 ms and account. Default: no budget. */
  joinBudget?: { joins: number; perMs: number };
  /** Channels that one account may be in (anonymous: one connection). Default 100, as on Twitch. */
  channelsMax?: number;
  /** Default 5 minutes, as on Twitch. */
  pingIntervalMs?: number;
  /** The connection is dropped when no PONG came for so long after a PING. Default 10 s. */
  pongTimeoutMs?: number;
  /** Lines remembered per channel. Default 800, as the recent-messages service has it. */
  historyMax?: number;
  /** Milliseconds since the epoch, for what the history says of when lines came. */
  now?: () => number;
}

export interface ReplayOptions {
  /** Where the lines are said; default: the channel that each line names. */
  channel?: string;
  /** Default: as fast as the clients take them. */
  perSecond?: number;
  signal?: AbortSignal;
}

export interface TwitchServer extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** The PEM file to trust, where the server has TLS. */
  readonly caFile: string | undefined;
  readonly faults: TwitchFaults;
  readonly refusals: Map<string, Refusal>;
  readonly history: ChannelHistory;
  /** Every line that any client sent, in order. */
  readonly received: readonly { connection: number; line: string; atMs: number }[];
  /** JOINs that were dropped for the budget. */
  readonly joinsOverBudget: number;
  /** Connections ever accepted. */
  readonly accepted: number;
  /** The connections that are open, oldest first. */
  connections(): TwitchSession[];
  /** How many connections get this channel's lines now. */
  joined(channel: string): number;
  /**
   * Says lines (without line ends) in a channel: to every connection that is joined now, and into the history.
   * Bytes go out as they are and are not remembered. Returns how many connections they were sent to.
   */
  sayTo(channel: string, ...lines: readonly (string | Buffer)[]): number;
  /** Says many lines at a rate or as fast as the clients read; resolves when all were handed to the network. */
  replay(lines: readonly string[], options?: ReplayOptions): Promise<void>;
  /** Stops listening: new connections are refused, the open ones stay. */
  refuse(): Promise<void>;
  /** Listens again, on the same port. */
  accept(): Promise<void>;
  dropAll(): void;
  /** All connections become half-open: they stay, and nothing comes any more. */
  freezeAll(): void;
  close(): Promise<void>;
}

/** More than this waiting in one socket, and a replay waits for the client. */
const BACKLOG_MAX_BYTES = 1024 * 1024;
const REPLAY_BATCH = 500;

export async function startTwitchServer(options: TwitchServerOptions = {}): Promise<TwitchServer> {
  const tls = options.tls === false ? undefined : await loadCertificates();
  const server = new ReplayServer(options, tls);
  await server.accept();
  return server;
}

class ReplayServer implements TwitchServer {
  readonly host = '127.0.0.1';
  readonly caFile: string | undefined;
  readonly faults: TwitchFaults = {
    dropBeforeWelcome: 0,
    deafConnections: 0,
    ignorePings: false,
    ignoreCapLs: false,
    ignoreJoins: false,
    ghostJoins: new Map(),
    chunking: undefined,
    certificate: 'good',
  };
  readonly refusals: Map<string, Refusal>;
  readonly history: ChannelHistory;
  readonly received: { connection: number; line: string; atMs: number }[] = [];
  joinsOverBudget = 0;
  accepted = 0;
  port: number;
  readonly #options: TwitchServerOptions;
  readonly #now: () => number;
  readonly #tls: Certificates | undefined;
  readonly #rules: TwitchRules;
  readonly #sessions = new Set<TwitchSession>();
  readonly #sockets = new Set<Socket>();
  readonly #joinTimes = new Map<string, number[]>();
  readonly #roomIds = new Map<string, string>();
  #listener: Server | undefined;

  constructor(options: TwitchServerOptions, tls: Certificates | undefined) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#tls = tls;
    this.caFile = tls?.caFile;
    this.port = options.port ?? 0;
    this.refusals = options.refusals ?? new Map();
    this.history = new ChannelHistory(options.historyMax ?? 800);
    this.#rules = {
      faults: this.faults,
      accounts: options.accounts,
      refusals: this.refusals,
      pingIntervalMs: options.pingIntervalMs ?? 300_000,
      pongTimeoutMs: options.pongTimeoutMs ?? 10_000,
      takeJoin: (account) => this.#takeJoin(account),
      mayJoin: (session) => this.#channelsOf(session) < (options.channelsMax ?? 100),
      roomId: (channel) => this.#roomId(channel),
      log: (session, line) => this.received.push({ connection: session.id, line, atMs: this.#now() }),
    };
  }

  connections(): TwitchSession[] {
    return [...this.#sessions].filter((session) => session.open);
  }

  joined(channel: string): number {
    return this.connections().filter((session) => session.hears(channel)).length;
  }

  sayTo(channel: string, ...lines: readonly (string | Buffer)[]): number {
    for (const line of lines) {
      if (typeof line === 'string') this.history.add(channel, line, this.#now());
    }
    const listeners = this.connections().filter((session) => session.hears(channel));
    for (const session of listeners) session.deliver(lines);
    return listeners.length;
  }

  async replay(lines: readonly string[], options: ReplayOptions = {}): Promise<void> {
    const started = performance.now();
    for (let said = 0; said < lines.length; ) {
      options.signal?.throwIfAborted();
      const due = options.perSecond
        ? Math.floor(((performance.now() - started) / 1000) * options.perSecond) + 1
        : said + REPLAY_BATCH;
      for (const [channel, batch] of byChannel(lines.slice(said, due), options.channel)) {
        this.sayTo(channel, ...batch);
      }
      said = Math.max(said, Math.min(due, lines.length));
      await (options.perSecond ? sleep(5) : nextTurn());
      await this.#taken(options.signal);
    }
  }

  async refuse(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    // Not awaited: the listener closes at once, its event waits for the last of its connections.
    listener?.close();
    await nextTurn();
  }

  async accept(): Promise<void> {
    if (this.#listener) return;
    const listener = createServer((socket) => this.#connected(socket));
    listener.listen(this.port, this.host);
    await once(listener, 'listening');
    this.port = (listener.address() as AddressInfo).port;
    this.#listener = listener;
  }

  dropAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  freezeAll(): void {
    for (const session of this.connections()) session.freeze();
  }

  async close(): Promise<void> {
    await this.refuse();
    this.dropAll();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #connected(raw: Socket): void {
    this.accepted += 1;
    this.#sockets.add(raw);
    raw.on('close', () => this.#sockets.delete(raw));
    raw.on('error', () => raw.destroy());
    if (this.faults.deafConnections > 0) {
      this.faults.deafConnections -= 1;
      raw.resume();
      return;
    }
    const socket = this.#tls ? new TLSSocket(raw, this.#secured(this.#tls)) : raw;
    const session = new TwitchSession(this.accepted, socket, this.#rules);
    this.#sessions.add(session);
    socket.on('close', () => {
      raw.destroy();
      this.#sessions.delete(session);
    });
  }

  #secured(tls: Certificates): { isServer: true; secureContext: SecureContext } {
    return { isServer: true, secureContext: tls.contexts[this.faults.certificate] };
  }

  #takeJoin(account: string): boolean {
    const budget = this.#options.joinBudget;
    if (!budget) return true;
    const now = performance.now();
    const times = (this.#joinTimes.get(account) ?? []).filter((time) => now - time < budget.perMs);
    this.#joinTimes.set(account, times);
    if (times.length >= budget.joins) {
      this.joinsOverBudget += 1;
      return false;
    }
    times.push(now);
    return true;
  }

  #channelsOf(session: TwitchSession): number {
    const same = session.anonymous
      ? [session]
      : this.connections().filter((other) => other.account === session.account);
    return new Set(same.flatMap((other) => other.channels)).size;
  }

  #roomId(channel: string): string {
    const known = this.#roomIds.get(channel) ?? String(70_000_001 + this.#roomIds.size);
    this.#roomIds.set(channel, known);
    return known;
  }

  /** Resolves when no client is far behind; one that does not read holds a replay up, as a full socket would. */
  async #taken(signal: AbortSignal | undefined): Promise<void> {
    while (this.connections().some((session) => session.backlogBytes > BACKLOG_MAX_BYTES)) {
      await sleep(2, undefined, { signal });
    }
  }
}

interface Certificates {
  readonly caFile: string;
  readonly contexts: Record<TwitchFaults['certificate'], SecureContext>;
}

async function loadCertificates(): Promise<Certificates> {
  const authority = await testAuthority();
  const stranger = await createAuthority('Nobody trusts this authority');
  const hosts = ['localhost', 'irc.chat.twitch.tv'];
  return {
    caFile: authority.caFile,
    contexts: {
      good: createSecureContext(await authority.issue(hosts)),
      'wrong-host': createSecureContext(await authority.issue(['elsewhere.example'])),
      untrusted: createSecureContext(await stranger.issue(hosts)),
    },
  };
}

/** Lines in runs of one channel, their order kept. */
function byChannel(lines: readonly string[], fixed: string | undefined): [string, string[]][] {
  if (fixed !== undefined) return lines.length > 0 ? [[fixed, [...lines]]] : [];
  const runs: [string, string[]][] = [];
  for (const line of lines) {
    const channel = channelOf(line);
    if (channel === undefined) throw new Error(`No channel in the line to replay: ${line}`);
    const last = runs.at(-1);
    if (last?.[0] === channel) last[1].push(line);
    else runs.push([channel, [line]]);
  }
  return runs;
}
