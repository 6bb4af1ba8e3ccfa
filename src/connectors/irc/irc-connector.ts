/**
 * One IRC network on one connection, whatever server it runs.
 *
 * Every line is recorded except the protocol's own: PING, PONG, CAP, AUTHENTICATE, BATCH, ERROR; the numerics of login
 * and statistics (001-005, 042, 2xx, 372, 375, 376, 396, 422, 43x, 9xx), of the members of a channel (353, 366) and of
 * refused joins (a state of the channel); our own JOIN, PART, NICK and user modes; NOTICEs before the login. Lines that
 * belong to no channel go to channel `*`. QUIT and NICK are recorded once for every configured channel where the user
 * was, else in `*`.
 */
import { readFile } from 'node:fs/promises';
import type { IrcNetworkConfig } from '../../config/schema.ts';
import type { CapturedEvent } from '../../event.ts';
import { ChatlogError, errorText } from '../../lib/errors.ts';
import { liveOn, pendingOn } from '../channel-feed.ts';
import { ChannelTable } from '../channel-table.ts';
import type {
  ChannelSpec,
  ConnectionStatus,
  Connector,
  ConnectorContext,
  ConnectorStatus,
  Gap,
} from '../connector.ts';
import { prefixNick, splitIrcLine } from '../irc-line.ts';
import { supervise } from '../supervisor.ts';
import { ChannelMembers } from './channel-members.ts';
import { ChatHistory } from './chat-history.ts';
import { fillFromHistory } from './fill-from-history.ts';
import { IrcConnection } from './irc-connection.ts';
import { type IrcView, inChannel, parseIrcEvent } from './irc-event.ts';
import { type IrcNames, ircNames, modeChanges } from './irc-names.ts';
import { joinRefusal } from './irc-refusals.ts';
import type { TransportTls } from './irc-transport.ts';
import { JoinThrottle } from './join-throttle.ts';
import type { OddReason } from './line-splitter.ts';
import { oddLine } from './odd-line.ts';

/** What no configuration needs to change; tests do. */
export interface IrcTiming {
  tickMs: number;
  registerTimeoutMs: number;
  /** Pause after "too many channels". */
  limitMs: number;
  /** How long NickServ may take before channels are joined all the same. */
  nickServMs: number;
  /** The configured nick is asked for again so often while another one is in use. */
  regainNickMs: number;
  historyTimeoutMs: number;
}

export const IRC_TIMING: IrcTiming = {
  tickMs: 1000,
  registerTimeoutMs: 60_000,
  limitMs: 10 * 60_000,
  nickServMs: 5000,
  regainNickMs: 60_000,
  historyTimeoutMs: 30_000,
};

export interface IrcConnectorOptions {
  timing?: Partial<IrcTiming>;
  random?: () => number;
}

const CAPS = [
  'server-time',
  'message-tags',
  'account-tag',
  'batch',
  'echo-message',
  'away-notify',
  'extended-join',
  'multi-prefix',
  'chghost',
  'setname',
  'draft/chathistory',
  'draft/event-playback',
];

const PROTOCOL = new Set('PING PONG CAP AUTHENTICATE ERROR 042 353 366 372 375 376 396 422'.split(' '));
const PROTOCOL_NUMERIC = /^(00\d|2\d\d|43\d|9\d\d)$/;

/** One connection's life, and what is known only as long as it lasts. */
interface Session {
  id: string;
  connection: IrcConnection;
  joins: JoinThrottle;
  members: ChannelMembers;
  history: ChatHistory;
  /** NickServ has spoken. */
  identified: PromiseWithResolvers<void>;
  askedForNickAtMs: number;
}

export class IrcConnector implements Connector {
  readonly platform: string;
  readonly #config: IrcNetworkConfig;
  readonly #context: ConnectorContext;
  readonly #timing: IrcTiming;
  readonly #random: () => number;
  readonly #table: ChannelTable;
  /** Folded name to the configured one. */
  #spelling = new Map<string, string>();
  #names: IrcNames = ircNames({});
  #view: IrcView;
  #session: Session | undefined;
  #sessions = 0;
  #status: Omit<ConnectionStatus, 'channels' | 'lastHeardMs'> = { id: '1', state: 'connecting' };
  #lastHeardMs = 0;
  #signal: AbortSignal | undefined;
  #changed = Promise.withResolvers<void>();
  readonly #fills = new Set<Promise<void>>();

  constructor(
    name: string,
    config: IrcNetworkConfig,
    context: ConnectorContext,
    options: IrcConnectorOptions = {},
  ) {
    this.platform = `irc-${name}`;
    this.#config = config;
    this.#context = context;
    this.#timing = { ...IRC_TIMING, ...options.timing };
    this.#random = options.random ?? Math.random;
    const { min_seconds: minSeconds, max_seconds: maxSeconds } = config.backoff;
    this.#table = new ChannelTable({
      coverage: context.coverage,
      backoff: { minMs: minSeconds * 5000, maxMs: maxSeconds * 1000, random: this.#random },
      limitMs: this.#timing.limitMs,
      heardAtMs: (id) => this.#heardAtMs(id),
      gap: (gap) => this.#track((signal) => this.#fill(gap, signal)),
      now: context.now,
    });
    this.#view = this.#viewOf(undefined);
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    const { min_seconds: minSeconds, max_seconds: maxSeconds } = this.#config.backoff;
    const timer = setInterval(() => this.#tick(), this.#timing.tickMs);
    try {
      await supervise(
        async (attempt) => {
          await this.#untilWanted(signal);
          await this.#live(() => attempt.up(), signal);
        },
        {
          minMs: minSeconds * 1000,
          maxMs: maxSeconds * 1000,
          random: this.#random,
          ended: ({ error, waitMs }) => this.#ended(error, waitMs),
        },
        signal,
      );
    } finally {
      clearInterval(timer);
      this.#status = { id: '1', state: 'closed' };
    }
    await Promise.allSettled(this.#fills);
  }

  setChannels(specs: readonly ChannelSpec[]): void {
    const before = new Map([...this.#table.values()].map(({ name, feed }) => [name, feed]));
    const { added, removed } = this.#table.set(specs);
    this.#spell();
    for (const { name } of removed) {
      const feed = before.get(name)!;
      this.#session?.joins.remove(name);
      this.#session?.members.clear(name);
      if (liveOn(feed) !== undefined || pendingOn(feed) !== undefined)
        this.#session?.connection.send(`PART ${name}`);
    }
    for (const { name } of added) this.#session?.joins.add(name);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
    if (specs.length === 0) this.#session?.connection.quit('no channels to record');
  }

  status(): ConnectorStatus {
    const channels = this.#table.statuses().map((status) => {
      const reason = status.state === 'queued' ? this.#status.reason : undefined;
      return reason === undefined ? status : { ...status, reason };
    });
    const lastHeardMs = this.#session?.connection.lastHeardMs ?? this.#lastHeardMs;
    return {
      platform: this.platform,
      channels,
      connections: [{ ...this.#status, channels: channels.length, lastHeardMs }],
    };
  }

  async #untilWanted(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) =>
      signal.addEventListener('abort', () => resolve(), { once: true }),
    );
    while (!signal.aborted && this.#table.size === 0) await Promise.race([this.#changed.promise, aborted]);
  }

  async #live(up: () => void, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#status = { ...this.#status, state: 'connecting' };
    const session = this.#newSession(await this.#connect());
    const { connection } = session;
    await connection.open(signal);
    const abort = () => connection.quit('chatlog was stopped');
    signal.addEventListener('abort', abort, { once: true });
    try {
      up();
      this.#begin(session);
      if (signal.aborted) abort();
      await Promise.race([this.#identify(session), connection.closed]);
      for (const { name, feed } of this.#table.values()) if (feed.state === 'queued') session.joins.add(name);
      const cause = await connection.closed;
      this.#end(session, signal.aborted ? 'chatlog was stopped' : `connection lost: ${cause}`);
      throw new ChatlogError('irc_connection_failed', cause, { retryable: true });
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  async #connect(): Promise<IrcConnection> {
    const { host, port, nick, username, realname, server_password: password, sasl } = this.#config;
    return new IrcConnection(
      {
        host,
        port,
        tls: this.#config.tls ? await this.#tls() : undefined,
        nick,
        username,
        realname,
        password,
        sasl: sasl && { mechanism: sasl.mechanism, account: sasl.account ?? nick, password: sasl.password },
        caps: CAPS,
        nextNick: (attempt) =>
          attempt < 3 ? nick + '_'.repeat(attempt) : `${nick}${Math.floor(this.#random() * 10_000)}`,
        pingAfterMs: this.#config.ping_after_seconds * 1000,
        pingTimeoutMs: this.#config.ping_timeout_seconds * 1000,
        registerTimeoutMs: this.#timing.registerTimeoutMs,
        sink: this.#context.sink,
        now: this.#context.now,
      },
      {
        line: (line, command, receivedAtMs) => this.#line(line, command, receivedAtMs),
        bytes: (bytes, reason, piece, receivedAtMs) => this.#bytes(bytes, reason, piece, receivedAtMs),
        trouble: (error, line) =>
          this.#context.log.warn({ err: error, line }, 'protocol line not understood'),
        saslFailed: (reason) => this.#context.log.warn({ reason }, 'SASL login failed: going on without'),
      },
    );
  }

  async #tls(): Promise<TransportTls> {
    const { tls_ca_file: caFile, tls_insecure: insecure, sasl } = this.#config;
    return {
      insecure,
      ...(caFile === undefined ? {} : { ca: await readFile(caFile, 'utf8') }),
      ...(sasl?.cert_file === undefined ? {} : { cert: await readFile(sasl.cert_file, 'utf8') }),
      ...(sasl?.key_file === undefined ? {} : { key: await readFile(sasl.key_file, 'utf8') }),
    };
  }

  #newSession(connection: IrcConnection): Session {
    const id = String(++this.#sessions);
    const session: Session = {
      id,
      connection,
      joins: new JoinThrottle({
        intervalMs: this.#config.join_interval_seconds * 1000,
        send: (channel) => this.#join(session, channel),
      }),
      members: new ChannelMembers(() => this.#names),
      history: new ChatHistory({
        send: (line) => connection.send(line),
        fold: (name) => this.#names.fold(name),
        playback: (lines) => this.#playback(lines),
        timeoutMs: this.#timing.historyTimeoutMs,
      }),
      identified: Promise.withResolvers(),
      askedForNickAtMs: performance.now(),
    };
    this.#session = session;
    this.#view = this.#viewOf(session);
    return session;
  }

  #begin({ connection }: Session): void {
    this.#status = { id: '1', state: 'connected' };
    this.#names = ircNames(connection.isupport);
    this.#spell();
    this.#context.log.info({ nick: connection.nick, channels: this.#table.size }, 'connected');
  }

  #end(session: Session, cause: string): void {
    this.#lastHeardMs = session.connection.lastHeardMs;
    session.joins[Symbol.dispose]();
    this.#table.connectionLost(session.id, cause);
    this.#session = undefined;
  }

  #ended(error: unknown, plannedMs: number): number {
    const isRefused = error instanceof ChatlogError && error.code === 'irc_login_refused';
    const waitMs = isRefused ? Math.max(plannedMs, 60_000) : plannedMs;
    this.#session?.joins[Symbol.dispose]();
    this.#session = undefined;
    this.#status = { id: '1', state: 'waiting', reason: errorText(error) };
    this.#context.log.warn({ reason: errorText(error), waitMs: Math.round(waitMs) }, 'connection lost');
    return waitMs;
  }

  /** NickServ, where SASL is not to be had; its answer is waited for, because channels may ask for the login. */
  async #identify({ connection, identified }: Session): Promise<void> {
    const { nickserv_password: password, sasl } = this.#config;
    if (password === undefined || (sasl && connection.capEnabled('sasl'))) return;
    connection.send(`PRIVMSG NickServ :IDENTIFY ${password}`);
    const timer = setTimeout(identified.resolve, this.#timing.nickServMs);
    await identified.promise;
    clearTimeout(timer);
  }

  #join(session: Session, channel: string): void {
    const record = this.#table.get(channel);
    if (!record || session !== this.#session) return;
    session.connection.send(record.key === undefined ? `JOIN ${channel}` : `JOIN ${channel} ${record.key}`);
    this.#table.apply(channel, { event: 'sent', on: session.id });
  }

  #line(line: string, command: string, receivedAtMs: number): void {
    const session = this.#session;
    // History first: its joins and parts are no longer true.
    if (!session || session.history.take(line)) return;
    if (command !== 'PRIVMSG' && this.#isProtocol(session, line, command)) return;
    const captured = this.#parse(line, receivedAtMs);
    // All that we ever say is a password to NickServ; echo-message gives it back.
    if (captured.event.direction === 'outgoing' && captured.event.type === 'private') return;
    const channels = command === 'QUIT' || command === 'NICK' ? this.#concerned(session, captured) : [];
    if (channels.length === 0) this.#context.sink.push(captured);
    else for (const channel of channels) this.#context.sink.push(inChannel(captured, channel));
  }

  #parse(line: string, receivedAtMs: number, source?: 'backfill'): CapturedEvent {
    const captured = parseIrcEvent(line, receivedAtMs, this.#view, source);
    if (captured.event.type === 'raw') this.#context.parseFailure();
    return captured;
  }

  #bytes(bytes: Buffer, reason: OddReason, piece: number, receivedAtMs: number): void {
    this.#context.parseFailure();
    this.#context.sink.push(
      oddLine(bytes, reason, piece, (line) => parseIrcEvent(line, receivedAtMs, this.#view)),
    );
  }

  /** The configured channels where the user is who quits or changes nick. */
  #concerned({ members }: Session, { event }: CapturedEvent): string[] {
    const folded =
      event.platform_event === 'NICK'
        ? members.rename(event.username, event.target ?? '')
        : members.quit(event.username);
    return folded.map((name) => this.#spelling.get(name)).filter((name) => name !== undefined);
  }

  /** Draws what a line says about us, our channels and their members; true where that is all it says. */
  #isProtocol(session: Session, line: string, command: string): boolean {
    switch (command) {
      case 'JOIN':
      case 'PART':
      case 'KICK':
      case 'MODE':
      case 'NICK':
        return this.#isOwnDoing(session, line, command);
      case 'NOTICE':
        return this.#notice(session, line);
      case 'BATCH':
        session.history.batch(line);
        return true;
      case 'FAIL':
        session.history.failed(splitIrcLine(line).params);
        return false;
      case '005':
        // irc-framework has read it already.
        this.#names = ircNames(session.connection.isupport);
        this.#spell();
        return true;
      case '353': {
        const { params } = splitIrcLine(line);
        for (const entry of (params[3] ?? '').split(' ')) session.members.addNamed(params[2] ?? '', entry);
        return true;
      }
      default:
        return (
          PROTOCOL.has(command) || PROTOCOL_NUMERIC.test(command) || this.#isRefusal(session, line, command)
        );
    }
  }

  #notice(session: Session, line: string): boolean {
    const nick = prefixNick(splitIrcLine(line).prefix);
    if (nick.toLowerCase() === 'nickserv') session.identified.resolve();
    return !session.connection.isOpen;
  }

  #isOwnDoing(session: Session, line: string, command: 'JOIN' | 'PART' | 'KICK' | 'MODE' | 'NICK'): boolean {
    const { prefix, params } = splitIrcLine(line);
    const nick = prefixNick(prefix);
    const isOwn = this.#isMe(session, nick);
    const target = params[0] ?? '';
    switch (command) {
      case 'JOIN':
        if (isOwn) this.#joined(session, target);
        else session.members.add(target, nick);
        return isOwn;
      case 'PART':
        if (isOwn) this.#left(session, target, 'parted by the server');
        else session.members.remove(target, nick);
        return isOwn;
      case 'KICK':
        session.members.remove(target, params[1] ?? '');
        if (this.#isMe(session, params[1] ?? '')) {
          this.#left(session, target, `kicked by ${nick}${params[2] ? `: ${params[2]}` : ''}`);
        }
        return false;
      case 'MODE':
        if (!this.#names.isChannel(target)) return true;
        session.members.change(target, modeChanges(params.slice(1), this.#names));
        return false;
      case 'NICK':
        // irc-framework has changed its own already.
        return isOwn || this.#isMe(session, target);
      default:
        return command satisfies never;
    }
  }

  #isMe(session: Session, nick: string): boolean {
    return this.#names.fold(nick) === this.#names.fold(session.connection.nick);
  }

  #joined(session: Session, target: string): void {
    const name = this.#spelling.get(this.#names.fold(target));
    if (name === undefined) {
      // Forwarded there, or no longer wanted.
      session.connection.send(`PART ${target}`);
      return;
    }
    session.members.clear(target);
    this.#table.apply(name, { event: 'confirmed', on: session.id });
  }

  #left(session: Session, target: string, reason: string): void {
    session.members.clear(target);
    const name = this.#spelling.get(this.#names.fold(target));
    if (name === undefined) return;
    if (this.#table.apply(name, { event: 'refused', on: session.id, as: 'retrying', reason })) {
      this.#context.log.warn({ channel: name, reason }, 'removed from a channel');
    }
  }

  #isRefusal(session: Session, line: string, command: string): boolean {
    const { params } = splitIrcLine(line);
    const refusal = joinRefusal(command, params.at(-1) ?? '');
    const name = refusal && this.#spelling.get(this.#names.fold(params[1] ?? ''));
    if (!refusal || name === undefined) return false;
    const feed = this.#table.get(name)?.feed;
    if (feed?.state !== 'joining') return false;
    this.#table.apply(name, { event: 'refused', on: session.id, ...refusal });
    this.#context.log.warn({ channel: name, state: refusal.as, reason: refusal.reason }, 'channel refused');
    return true;
  }

  #tick(): void {
    const timeoutMs = this.#config.join_timeout_seconds * 1000;
    for (const { name, feed } of this.#table.overdue(timeoutMs)) {
      const on = pendingOn(feed);
      const reason = `no confirmation within ${timeoutMs / 1000} s`;
      if (on !== undefined) this.#table.apply(name, { event: 'unconfirmed', on, reason });
    }
    for (const { name } of this.#table.due()) {
      this.#table.apply(name, { event: 'due' });
      if (this.#session?.connection.isOpen) this.#session.joins.add(name);
    }
    this.#regainNick();
  }

  #regainNick(): void {
    const session = this.#session;
    if (!session?.connection.isOpen || this.#isMe(session, this.#config.nick)) return;
    if (performance.now() - session.askedForNickAtMs < this.#timing.regainNickMs) return;
    session.askedForNickAtMs = performance.now();
    session.connection.send(`NICK ${this.#config.nick}`);
  }

  async #fill(gap: Gap, signal: AbortSignal): Promise<void> {
    const session = this.#session;
    const { coverage, sink, log } = this.#context;
    if (!session?.connection.capEnabled('draft/chathistory')) {
      coverage.closeGap(gap, 'none', 0);
      return;
    }
    const { outcome, filled, reason } = await fillFromHistory({
      gap,
      history: session.history,
      limit: Number(session.connection.isupport.CHATHISTORY) || 100,
      parse: (line) => this.#parse(line, this.#context.now(), 'backfill'),
      sink,
      signal,
    });
    await sink.recorded(signal);
    coverage.closeGap(gap, outcome, filled);
    log.debug({ channel: gap.channel, cause: gap.cause, outcome, filled, reason }, 'gap filled');
  }

  /** A server that plays back at the join what was said before: only what can be told from what we have. */
  #playback(lines: readonly string[]): void {
    for (const line of lines) {
      const captured = this.#parse(line, this.#context.now(), 'backfill');
      if (captured.identity !== '') this.#context.sink.push(captured);
    }
  }

  #heardAtMs(id: string): number {
    return this.#session?.id === id ? this.#session.connection.lastHeardMs : this.#lastHeardMs;
  }

  #spell(): void {
    this.#spelling = new Map([...this.#table.values()].map(({ name }) => [this.#names.fold(name), name]));
  }

  #viewOf(session: Session | undefined): IrcView {
    const connector = this;
    return {
      platform: this.platform,
      get names() {
        return connector.#names;
      },
      get nick() {
        return session?.connection.nick ?? connector.#config.nick;
      },
      channelName: (target) => connector.#spelling.get(connector.#names.fold(target)) ?? target,
      isModerator: (channel, nick) => session?.members.isModerator(channel, nick) ?? false,
    };
  }

  #track(work: (signal: AbortSignal) => Promise<void>): void {
    const signal = this.#signal;
    if (!signal || signal.aborted) return;
    const running = work(signal).catch((error) => {
      if (!signal.aborted) this.#context.log.error({ err: error }, 'backfill failed');
    });
    this.#fills.add(running);
    void running.finally(() => this.#fills.delete(running));
  }
}
