/**
 * One IRC network on one connection, whatever server it runs.
 *
 * Every line is recorded except the protocol's own: PING, PONG, CAP, AUTHENTICATE, BATCH, ACK, ERROR; the numerics of login
 * and statistics (001-005, 042, 2xx, 372, 375, 376, 396, 422, 43x, 9xx), of the members of a channel (353, 366) and of
 * refused joins (a state of the channel); our own JOIN, PART, NICK and user modes; what we say to NickServ; NOTICEs before
 * the login. Lines that belong to no channel go to channel `*`. QUIT and NICK are recorded once for every configured
 * channel where the user was, else in `*`.
 */
import type { IrcNetworkConfig } from '../../config/schema.ts';
import type { CapturedEvent } from '../../event.ts';
import { ChatlogError, errorText } from '../../lib/errors.ts';
import { BackgroundWork } from '../background-work.ts';
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
import { type Ending, supervise } from '../supervisor.ts';
import { fillFromHistory } from './fill-from-history.ts';
import { ircLogin } from './irc-login.ts';
import { IrcSession, type IrcSessionOwner } from './irc-session.ts';

/** What no configuration needs to change; tests do. */
export interface IrcTiming {
  /** Timeouts and pauses are looked after so often. */
  tickMs: number;
  registerTimeoutMs: number;
  /** Pause after "too many channels". */
  limitMs: number;
  /** Pause after a refused login, at least. */
  loginRefusedMs: number;
  nickServMs: number;
  regainNickMs: number;
  historyTimeoutMs: number;
}

const TIMING: IrcTiming = {
  tickMs: 1000,
  registerTimeoutMs: 60_000,
  limitMs: 10 * 60_000,
  loginRefusedMs: 60_000,
  nickServMs: 5000,
  regainNickMs: 60_000,
  historyTimeoutMs: 30_000,
};

export interface IrcConnectorOptions {
  timing?: Partial<IrcTiming>;
  random?: () => number;
}

/** Lines per request where the server does not say its limit. */
const HISTORY_LIMIT = 100;
const PLAYBACK_LINES_MAX = 20_000;

export class IrcConnector implements Connector {
  readonly platform: string;
  readonly #config: IrcNetworkConfig;
  readonly #context: ConnectorContext;
  readonly #timing: IrcTiming;
  readonly #random: () => number;
  readonly #table: ChannelTable;
  readonly #work: BackgroundWork;
  #session: IrcSession | undefined;
  /** Names the session in the table. */
  #sessionId = '';
  #sessions = 0;
  #status: Pick<ConnectionStatus, 'state' | 'reason'> = { state: 'connecting' };
  #lastHeardMs = 0;
  /** Of playbacks that are not recorded yet. */
  #playbackLines = 0;
  #changed = Promise.withResolvers<void>();

  constructor(
    name: string,
    config: IrcNetworkConfig,
    context: ConnectorContext,
    options: IrcConnectorOptions = {},
  ) {
    this.platform = `irc-${name}`;
    this.#config = config;
    this.#context = context;
    this.#timing = { ...TIMING, ...options.timing };
    this.#random = options.random ?? Math.random;
    this.#work = new BackgroundWork((error) => context.log.error({ err: error }, 'backfill failed'));
    this.#table = new ChannelTable({
      coverage: context.coverage,
      backoff: { ...this.#backoff(), minMs: 5 * this.#backoff().minMs },
      limitMs: this.#timing.limitMs,
      heardAtMs: () => this.#heardAtMs(),
      gap: (gap) => this.#work.begin(gap.channel, (signal) => this.#fill(gap, signal)),
      now: context.now,
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#work.start(signal);
    const timer = setInterval(() => this.#tick(), this.#timing.tickMs);
    const ended = (ending: Ending) => this.#ended(ending);
    try {
      await supervise(
        (attempt) => this.#live(() => attempt.up(), signal),
        { ...this.#backoff(), ended },
        signal,
      );
    } finally {
      clearInterval(timer);
      this.#status = { state: 'closed' };
    }
    await this.#work.ended();
  }

  setChannels(specs: readonly ChannelSpec[], rejoin?: string): void {
    const { added, removed } = this.#table.set(specs, rejoin);
    for (const { name, feed } of removed) {
      this.#work.cancel(name);
      this.#session?.part(name, liveOn(feed) !== undefined || pendingOn(feed) !== undefined);
    }
    for (const { name } of added) this.#session?.join(name);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
    if (specs.length === 0) this.#session?.connection.quit('no channels to record');
  }

  status(): ConnectorStatus {
    const { reason } = this.#status;
    const channels = this.#table
      .statuses()
      .map((status) => (status.state === 'queued' && reason !== undefined ? { ...status, reason } : status));
    const connection = {
      id: '1',
      ...this.#status,
      channels: channels.length,
      lastHeardMs: this.#heardAtMs(),
    };
    return { platform: this.platform, channels, connections: [connection] };
  }

  #backoff(): { minMs: number; maxMs: number; random: () => number } {
    const { min_seconds: minSeconds, max_seconds: maxSeconds } = this.#config.backoff;
    return { minMs: minSeconds * 1000, maxMs: maxSeconds * 1000, random: this.#random };
  }

  /** One connection from its beginning to its end; throws then. */
  async #live(up: () => void, signal: AbortSignal): Promise<void> {
    await this.#untilWanted(signal);
    signal.throwIfAborted();
    this.#status = { state: 'connecting' };
    const session = await this.#newSession();
    const { connection } = session;
    this.#session = session;
    this.#sessionId = String(++this.#sessions);
    const abort = () => connection.quit('chatlog was stopped');
    signal.addEventListener('abort', abort, { once: true });
    try {
      await session.open(signal);
      up();
      this.#status = { state: 'connected' };
      this.#context.log.info({ nick: connection.nick, channels: this.#table.size }, 'connected');
      for (const { name, feed } of this.#table.values()) if (feed.state === 'queued') session.join(name);
      const cause = await connection.closed;
      throw new ChatlogError('irc_connection_failed', cause, { retryable: true });
    } catch (error) {
      const cause = signal.aborted ? 'chatlog was stopped' : `connection lost: ${errorText(error)}`;
      this.#table.connectionLost(this.#sessionId, cause);
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
      session.end();
      this.#lastHeardMs = this.#heardAtMs();
      this.#session = undefined;
    }
  }

  async #untilWanted(signal: AbortSignal): Promise<void> {
    const { promise: aborted, resolve } = Promise.withResolvers<unknown>();
    signal.addEventListener('abort', resolve, { once: true });
    while (!signal.aborted && this.#table.size === 0) await Promise.race([this.#changed.promise, aborted]);
    signal.removeEventListener('abort', resolve);
  }

  #ended({ error, waitMs: plannedMs }: Ending): number {
    const isRefused = error instanceof ChatlogError && error.code === 'irc_login_refused';
    const waitMs = isRefused ? Math.max(plannedMs, this.#timing.loginRefusedMs) : plannedMs;
    this.#status = { state: 'waiting', reason: errorText(error) };
    this.#context.log.warn(
      { reason: errorText(error), waitMs: Math.round(waitMs) },
      'not connected; trying again',
    );
    return waitMs;
  }

  async #newSession(): Promise<IrcSession> {
    const { join_interval_seconds: joinIntervalSeconds, nickserv_password: nickServPassword } = this.#config;
    const { sink, now } = this.#context;
    const { registerTimeoutMs, historyTimeoutMs, nickServMs, regainNickMs } = this.#timing;
    const connection = { ...(await ircLogin(this.#config, this.#random)), registerTimeoutMs, sink, now };
    return new IrcSession(
      {
        platform: this.platform,
        connection,
        joinIntervalMs: joinIntervalSeconds * 1000,
        historyTimeoutMs,
        nickServPassword,
        nickServMs,
        regainNickMs,
        now,
      },
      this.#owner(),
    );
  }

  #owner(): IrcSessionOwner {
    const { log } = this.#context;
    return {
      channels: () => [...this.#table.values()].map(({ name }) => name),
      joining: (channel) => {
        this.#table.apply(channel, { event: 'sent', on: this.#sessionId });
        const record = this.#table.get(channel);
        return record ? { key: record.key } : false;
      },
      joined: (channel) => void this.#table.apply(channel, { event: 'confirmed', on: this.#sessionId }),
      removed: (channel, reason) => {
        const changed = this.#table.apply(channel, {
          event: 'refused',
          on: this.#sessionId,
          as: 'retrying',
          reason,
        });
        if (changed) log.warn({ channel, reason }, 'removed from a channel');
      },
      refused: (channel, as, reason) => {
        if (this.#table.get(channel)?.feed.state !== 'joining') return false;
        this.#table.apply(channel, { event: 'refused', on: this.#sessionId, as, reason });
        log.warn({ channel, state: as, reason }, 'channel refused');
        return true;
      },
      event: (captured) => void this.#record(captured),
      playback: (channel, events) => this.#playback(channel, events),
      warn: (fields, message) => log.warn(fields, message),
    };
  }

  #record(captured: CapturedEvent): boolean {
    if (captured.event.type === 'raw') this.#context.parseFailure();
    return this.#context.sink.push(captured);
  }

  /** Recorded at a join before, perhaps, and however long ago. Never so much at a time that it would fill the memory. */
  #playback(channel: string, events: readonly CapturedEvent[]): void {
    const oldestMs = events.reduce(
      (oldest, { timeMs }) => Math.min(oldest, timeMs),
      Number.POSITIVE_INFINITY,
    );
    this.#playbackLines += events.length;
    const isTooMuch = this.#playbackLines > PLAYBACK_LINES_MAX;
    this.#work.begin(channel, async (signal) => {
      try {
        // Better twice than too much to remember: then nothing is waited for.
        if (!isTooMuch) await this.#context.recall(channel, oldestMs, signal);
        for (const captured of events) this.#record(captured);
      } finally {
        this.#playbackLines -= events.length;
      }
    });
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
      this.#session?.join(name);
    }
    this.#session?.tick();
  }

  async #fill(gap: Gap, signal: AbortSignal): Promise<void> {
    const { coverage, sink, log, now } = this.#context;
    const session = this.#session;
    if (!session?.connection.capEnabled('draft/chathistory')) {
      coverage.closeGap(gap, 'none', 0);
      return;
    }
    const { outcome, filled, reason } = await fillFromHistory({
      gap,
      history: session.history,
      limit: Number(session.connection.isupport.CHATHISTORY) || HISTORY_LIMIT,
      parse: (line) => session.parse(line, now(), 'backfill'),
      recall: (channel, sinceMs, ended) => this.#context.recall(channel, sinceMs, ended),
      push: (captured) => this.#record(captured),
      sink,
      signal,
    });
    await sink.recorded(signal);
    coverage.closeGap(gap, outcome, filled);
    log.debug({ channel: gap.channel, cause: gap.cause, outcome, filled, reason }, 'gap filled');
  }

  #heardAtMs(): number {
    return this.#session?.connection.lastHeardMs || this.#lastHeardMs;
  }
}
