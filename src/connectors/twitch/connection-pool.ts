/**
 * The connections of one Twitch account, each with its share of the channels. A *slot* is a place for one connection
 * that is kept up: supervised, reconnected with backoff, replaced with overlap when Twitch says RECONNECT. A *link*
 * is one connection's life in a slot.
 *
 *     slot:  link 1 ──RECONNECT──> link 1 and its successor ──all channels moved──> successor
 *            link 1 ──lost──> waiting (backoff) ──> link 2
 *
 * Limits: `channelsPerConnection` channels in a slot, one new connection per `connectIntervalMs` over all slots.
 */
import { setTimeout as sleepFor } from 'node:timers/promises';
import { ChatlogError, errorText } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import type { ConnectionState, ConnectionStatus } from '../connector.ts';
import type { IrcConnection } from '../irc/irc-connection.ts';
import { type BackoffOptions, supervise } from '../supervisor.ts';

/** One connection's life. */
export interface Link {
  /** Unique within the process; never used again. */
  readonly id: string;
  readonly connection: IrcConnection;
}

export interface ConnectionPoolOptions {
  channelsPerConnection: number;
  connectIntervalMs: number;
  backoff: BackoffOptions;
  /** A replaced connection is closed after so long, whether all its channels have moved or not. */
  overlapMaxMs: number;
  /** Makes a connection, not opened yet. `linkId` is what the lines it delivers are known by. */
  connect(linkId: string): Promise<IrcConnection>;
  /** The link is open: channels of the slot may be joined on it. */
  up(link: Link, slot: Slot): void;
  /** The link has ended; its lines have all been delivered. */
  down(link: Link, slot: Slot, cause: string): void;
  log: Logger;
}

export class ConnectionPool {
  readonly #options: ConnectionPoolOptions;
  readonly #slots = new Set<Slot>();
  readonly #home = new Map<string, Slot>();
  readonly #running = new Set<Promise<void>>();
  /** Fails when a slot ends by a bug. */
  readonly #broken = Promise.withResolvers<never>();
  #signal: AbortSignal | undefined;
  #nextConnectMs = 0;
  #slotNumber = 0;
  #linkNumber = 0;

  constructor(options: ConnectionPoolOptions) {
    this.#options = options;
    this.#broken.promise.catch(() => undefined);
  }

  /** Rejects when a slot ended that should not have: a bug. */
  get broken(): Promise<never> {
    return this.#broken.promise;
  }

  /** Starts connecting; slots that come later start at once. */
  start(signal: AbortSignal): void {
    this.#signal = signal;
    for (const slot of this.#slots) this.#run(slot, signal);
  }

  /** Resolves when all slots have ended (after abort). */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** The slot of a channel; one is found, or made, for a channel that has none. */
  place(channel: string): Slot {
    return this.#home.get(channel) ?? this.#settle(channel, undefined);
  }

  /** Gives the channel a home in another slot than now. */
  move(channel: string): Slot {
    const old = this.#home.get(channel);
    old?.channels.delete(channel);
    return this.#settle(channel, old);
  }

  /** The channel needs no place any more; a slot without channels is closed. */
  remove(channel: string): void {
    const slot = this.#home.get(channel);
    this.#home.delete(channel);
    slot?.channels.delete(channel);
    if (slot) this.closeIfEmpty(slot);
  }

  closeIfEmpty(slot: Slot): void {
    if (slot.channels.size > 0) return;
    this.#slots.delete(slot);
    slot.stop();
  }

  slotOf(channel: string): Slot | undefined {
    return this.#home.get(channel);
  }

  statuses(): ConnectionStatus[] {
    return [...this.#slots].map((slot) => slot.status());
  }

  #settle(channel: string, except: Slot | undefined): Slot {
    let slot = [...this.#slots].find(
      (each) => each !== except && each.channels.size < this.#options.channelsPerConnection,
    );
    if (!slot) {
      slot = new Slot(String(++this.#slotNumber), this.#options, (signal) => this.#openLink(signal));
      this.#slots.add(slot);
      if (this.#signal) this.#run(slot, this.#signal);
    }
    slot.channels.add(channel);
    this.#home.set(channel, slot);
    return slot;
  }

  #run(slot: Slot, signal: AbortSignal): void {
    const running = slot.run(signal).catch((error) => this.#broken.reject(error));
    this.#running.add(running);
    void running.finally(() => this.#running.delete(running));
  }

  async #openLink(signal: AbortSignal): Promise<Link> {
    const nowMs = performance.now();
    const startMs = Math.max(nowMs, this.#nextConnectMs);
    this.#nextConnectMs = startMs + this.#options.connectIntervalMs;
    if (startMs > nowMs) await sleepFor(startMs - nowMs, undefined, { signal });
    const id = String(++this.#linkNumber);
    const connection = await this.#options.connect(id);
    await connection.open(signal);
    return { id, connection };
  }
}

/** A refused login is not tried again at the pace of a lost connection. */
const LOGIN_REFUSED_WAIT_MS = 60_000;

export class Slot {
  readonly id: string;
  readonly channels = new Set<string>();
  /** The open connection, and the one that will take its place. */
  current: Link | undefined;
  successor: Link | undefined;
  readonly #options: ConnectionPoolOptions;
  readonly #open: (signal: AbortSignal) => Promise<Link>;
  readonly #stopped = new AbortController();
  #opening: Promise<Link> | undefined;
  #signal: AbortSignal | undefined;
  #state: ConnectionState = 'connecting';
  #reason: string | undefined;
  #lastHeardMs = 0;

  constructor(id: string, options: ConnectionPoolOptions, open: (signal: AbortSignal) => Promise<Link>) {
    this.id = id;
    this.#options = options;
    this.#open = open;
  }

  /** Where JOINs go now; undefined while there is no connection. */
  get joinLink(): Link | undefined {
    return this.successor ?? this.current;
  }

  /** Why there is no connection. */
  get reason(): string | undefined {
    return this.#reason;
  }

  status(): ConnectionStatus {
    return {
      id: this.id,
      state: this.#state,
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
      channels: this.channels.size,
      lastHeardMs: Math.max(this.#lastHeardMs, this.joinLink?.connection.lastHeardMs ?? 0),
    };
  }

  stop(): void {
    this.#stopped.abort();
  }

  async run(signal: AbortSignal): Promise<void> {
    const either = AbortSignal.any([signal, this.#stopped.signal]);
    this.#signal = either;
    const { log, backoff } = this.#options;
    await supervise(
      async (attempt) => {
        this.#state = 'connecting';
        await this.#live(() => attempt.up(), either);
      },
      {
        ...backoff,
        ended: ({ error, waitMs: plannedMs }) => {
          const isRefused = error instanceof ChatlogError && error.code === 'irc_login_refused';
          const waitMs = isRefused ? Math.max(plannedMs, LOGIN_REFUSED_WAIT_MS) : plannedMs;
          this.#state = 'waiting';
          this.#reason = isRefused
            ? `${errorText(error)}: check twitch.oauth and twitch.username`
            : errorText(error);
          log.warn(
            { connection: this.id, reason: this.#reason, waitMs: Math.round(waitMs) },
            'connection lost',
          );
          return waitMs;
        },
      },
      either,
    );
    this.#state = 'closed';
  }

  /** RECONNECT: opens a successor beside the connection, which stays until its channels have moved. */
  replace(link: Link): void {
    if (this.#opening || this.current !== link || !this.#signal) return;
    this.#opening = this.#open(this.#signal);
    this.#opening.then(
      (successor) => this.#succeed(link, successor),
      (error) => {
        this.#opening = undefined;
        this.#options.log.warn(
          { connection: this.id, reason: errorText(error) },
          'no new connection after RECONNECT',
        );
      },
    );
  }

  #succeed(link: Link, successor: Link): void {
    // Ended meanwhile: whoever waits for its end takes the successor over.
    if (this.current !== link) return;
    this.successor = successor;
    this.#options.up(successor, this);
    const timer = setTimeout(() => this.retire(link), this.#options.overlapMaxMs);
    void link.connection.closed.then(() => clearTimeout(timer));
    void successor.connection.closed.then((cause) => {
      if (this.successor !== successor) return;
      this.successor = undefined;
      this.#opening = undefined;
      this.#options.down(successor, this, cause);
    });
  }

  /** Closes a replaced connection. */
  retire(link: Link): void {
    if (this.successor && this.current === link) link.connection.close('replaced after RECONNECT');
  }

  /** One connection and its successors, until the last of them has ended; throws then. */
  async #live(up: () => void, signal: AbortSignal): Promise<void> {
    let link = await this.#open(signal);
    const closeAll = () => {
      this.current?.connection.close('chatlog was stopped');
      this.successor?.connection.close('chatlog was stopped');
    };
    signal.addEventListener('abort', closeAll, { once: true });
    try {
      up();
      this.#begin(link);
      if (signal.aborted) closeAll();
      else this.#options.up(link, this);
      for (;;) {
        const cause = await link.connection.closed;
        this.#lastHeardMs = link.connection.lastHeardMs;
        const next = this.#opening;
        const successor = this.successor;
        this.#end();
        if (successor) this.#begin(successor);
        this.#options.down(link, this, cause);
        if (!next) throw new ChatlogError('irc_connection_failed', cause, { retryable: true });
        link = successor ?? (await this.#late(next));
      }
    } finally {
      signal.removeEventListener('abort', closeAll);
    }
  }

  /** The successor was not open yet when the connection ended. */
  async #late(opening: Promise<Link>): Promise<Link> {
    const link = await opening;
    this.#begin(link);
    this.#options.up(link, this);
    return link;
  }

  #begin(link: Link): void {
    this.current = link;
    this.#state = 'connected';
    this.#reason = undefined;
  }

  #end(): void {
    this.current = undefined;
    this.successor = undefined;
    this.#opening = undefined;
  }
}
