/**
 * A connector for platforms that need one connection: everything but the platform's own protocol. It supervises the
 * connection, joins and rejoins, keeps the channels' states and the coverage, stops reading while the sink is full,
 * fills gaps from the platform's history where there is one, and ends on abort.
 *
 * What a platform adds is a {@link FeedPlatform}; `docs/adding-a-platform.md` walks through one.
 */
import type { BackfillOutcome, CapturedEvent } from '../event.ts';
import { ChatlogError, errorText } from '../lib/errors.ts';
import { BackgroundWork } from './background-work.ts';
import { liveOn, pendingOn, type Refusal } from './channel-feed.ts';
import { ChannelTable } from './channel-table.ts';
import type {
  ChannelSpec,
  ConnectionStatus,
  Connector,
  ConnectorContext,
  ConnectorStatus,
  Gap,
} from './connector.ts';
import { type BackoffOptions, supervise } from './supervisor.ts';

/** What the platform says, on its way to the recorder. */
export interface Feed {
  /** Bytes came: the feed is alive. To be called before their events. */
  heard(): void;
  event(captured: CapturedEvent): void;
  /** The platform confirmed a channel: its events come from now on. */
  joined(channel: string): void;
  /** The platform refused a channel, or took it away. */
  refused(channel: string, as: Refusal, reason: string): void;
}

export interface FeedConnection {
  join(channel: ChannelSpec): void;
  part(channel: string): void;
  /** Stops reading the socket, and goes on. */
  pause(): void;
  resume(): void;
  /** Ends the connection at once. */
  close(): void;
  /** Resolves with the cause, in words, when the connection has ended for whatever reason. Never rejects. */
  readonly closed: Promise<string>;
}

export interface FeedPlatform {
  /** As in {@link ChatEvent.platform}. */
  readonly platform: string;
  /** Connects and logs in; resolves when channels can be joined. Rejects, with nothing left open, when that fails or on abort. */
  connect(feed: Feed, signal: AbortSignal): Promise<FeedConnection>;
  /** Hands over what the platform still has of a gap, oldest first. Left out where there is no history. */
  history?(gap: Gap, event: TakeHistory, signal: AbortSignal): Promise<BackfillOutcome>;
}

/** To be awaited for each event; false where it was recorded already. Rejects on abort only. */
export type TakeHistory = (captured: CapturedEvent) => Promise<boolean>;

export interface FeedConnectorOptions {
  backoff: BackoffOptions;
  joinTimeoutMs: number;
  tickMs?: number;
}

const LIMIT_MS = 10 * 60_000;

export class FeedConnector implements Connector {
  readonly platform: string;
  readonly #source: FeedPlatform;
  readonly #context: ConnectorContext;
  readonly #options: FeedConnectorOptions;
  readonly #table: ChannelTable;
  readonly #work: BackgroundWork;
  #connection: FeedConnection | undefined;
  #connections = 0;
  #paused = false;
  #lastHeardMs = 0;
  #status: Pick<ConnectionStatus, 'state' | 'reason'> = { state: 'connecting' };

  constructor(source: FeedPlatform, context: ConnectorContext, options: FeedConnectorOptions) {
    this.platform = source.platform;
    this.#source = source;
    this.#context = context;
    this.#options = options;
    this.#work = new BackgroundWork((error) => context.log.error({ err: error }, 'backfill failed'));
    this.#table = new ChannelTable({
      coverage: context.coverage,
      backoff: options.backoff,
      limitMs: LIMIT_MS,
      heardAtMs: () => this.#lastHeardMs,
      gap: (gap) => this.#work.begin(gap.channel, (signal) => this.#fill(gap, signal)),
      now: context.now,
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#work.start(signal);
    const timer = setInterval(() => this.#tick(), this.#options.tickMs ?? 1000);
    const ended = ({ error, waitMs }: { error: unknown; waitMs: number }) => {
      this.#status = { state: 'waiting', reason: errorText(error) };
      this.#context.log.warn(
        { reason: errorText(error), waitMs: Math.round(waitMs) },
        'not connected; trying again',
      );
      return waitMs;
    };
    try {
      await supervise(
        (attempt) => this.#live(() => attempt.up(), signal),
        { ...this.#options.backoff, ended },
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
    for (const { name } of removed) {
      this.#work.cancel(name);
      this.#connection?.part(name);
    }
    for (const { name } of added) this.#join(name);
  }

  status(): ConnectorStatus {
    const channels = this.#table.statuses();
    const connection = {
      id: '1',
      ...this.#status,
      channels: channels.length,
      lastHeardMs: this.#lastHeardMs,
    };
    return { platform: this.platform, channels, connections: [connection] };
  }

  async #live(up: () => void, signal: AbortSignal): Promise<void> {
    this.#status = { state: 'connecting' };
    const id = String(++this.#connections);
    const ended = new AbortController();
    const connection = await this.#source.connect(this.#feed(id, ended.signal), signal);
    const close = () => connection.close();
    signal.addEventListener('abort', close, { once: true });
    if (signal.aborted) close();
    up();
    this.#connection = connection;
    this.#status = { state: 'connected' };
    for (const { name } of this.#table.values()) this.#join(name);
    const cause = await connection.closed;
    signal.removeEventListener('abort', close);
    ended.abort();
    this.#connection = undefined;
    this.#paused = false;
    this.#table.connectionLost(id, signal.aborted ? 'chatlog was stopped' : `connection lost: ${cause}`);
    throw new ChatlogError('connection_lost', cause, { retryable: true });
  }

  #feed(id: string, ended: AbortSignal): Feed {
    const { sink } = this.#context;
    return {
      heard: () => {
        this.#lastHeardMs = this.#context.now();
        if (sink.full) this.#pause(ended);
      },
      event: (captured) => {
        if (captured.event.type === 'raw') this.#context.parseFailure();
        sink.push(captured);
        if (sink.full) this.#pause(ended);
      },
      joined: (channel) => void this.#table.apply(channel, { event: 'confirmed', on: id }),
      refused: (channel, as, reason) =>
        void this.#table.apply(channel, { event: 'refused', on: id, as, reason }),
    };
  }

  #pause(ended: AbortSignal): void {
    const connection = this.#connection;
    if (this.#paused || !connection) return;
    this.#paused = true;
    connection.pause();
    this.#context.sink.drained(ended).then(
      () => {
        this.#paused = false;
        connection.resume();
      },
      () => undefined,
    );
  }

  #join(name: string): void {
    const record = this.#table.get(name);
    if (record?.feed.state !== 'queued' || !this.#connection) return;
    this.#connection.join(record.key === undefined ? { name } : { name, key: record.key });
    this.#table.apply(name, { event: 'sent', on: String(this.#connections) });
  }

  #tick(): void {
    const { joinTimeoutMs } = this.#options;
    for (const { name, feed } of this.#table.overdue(joinTimeoutMs)) {
      const reason = `no confirmation within ${joinTimeoutMs / 1000} s`;
      this.#table.apply(name, { event: 'unconfirmed', on: pendingOn(feed) ?? liveOn(feed) ?? '', reason });
    }
    for (const { name } of this.#table.due()) {
      this.#table.apply(name, { event: 'due' });
      this.#join(name);
    }
  }

  async #fill(gap: Gap, signal: AbortSignal): Promise<void> {
    const { sink, coverage } = this.#context;
    let recalled: Promise<void> | undefined;
    let filled = 0;
    const take = async (captured: CapturedEvent) => {
      recalled ??= this.#context.recall(gap.channel, Math.min(gap.fromMs, captured.timeMs), signal);
      await recalled;
      if (sink.full) await sink.drained(signal);
      const isNew = sink.push(captured);
      if (isNew) filled++;
      return isNew;
    };
    const outcome = await this.#history(gap, take, signal);
    await sink.recorded(signal);
    coverage.closeGap(gap, outcome, filled);
  }

  /** A history that fails closes its gap, too: what it brought before is recorded. */
  async #history(gap: Gap, take: TakeHistory, signal: AbortSignal): Promise<BackfillOutcome> {
    if (!this.#source.history) return 'none';
    try {
      return await this.#source.history(gap, take, signal);
    } catch (error) {
      signal.throwIfAborted();
      this.#context.log.warn({ channel: gap.channel, err: errorText(error) }, 'gap could not be filled');
      return 'failed';
    }
  }
}
