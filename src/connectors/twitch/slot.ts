/**
 * A place for one connection that is kept up: supervised, reconnected with backoff, replaced with overlap when Twitch
 * says RECONNECT.
 *
 *     link 1 ──RECONNECT──> link 1 and its successor ──all channels moved──> successor
 *     link 1 ──lost──> waiting (backoff) ──> link 2
 */
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

export interface SlotOptions {
  backoff: BackoffOptions;
  /** A replaced connection is closed after so long, whether all its channels have moved or not. */
  overlapMaxMs: number;
  /** The link is open: channels of the slot may be joined on it. */
  up(link: Link, slot: Slot): void;
  /** The link has ended; its lines have all been delivered. */
  down(link: Link, slot: Slot, cause: string): void;
  log: Logger;
}

/** A refused login is not tried again at the pace of a lost connection. */
const LOGIN_REFUSED_WAIT_MS = 60_000;

export class Slot {
  readonly id: string;
  readonly channels = new Set<string>();
  /** The open connection, and the one that will take its place. */
  current: Link | undefined;
  successor: Link | undefined;
  readonly #options: SlotOptions;
  readonly #open: (signal: AbortSignal) => Promise<Link>;
  readonly #stopped = new AbortController();
  #opening: Promise<Link> | undefined;
  #signal: AbortSignal | undefined;
  #state: ConnectionState = 'connecting';
  #reason: string | undefined;
  #lastHeardMs = 0;

  constructor(id: string, options: SlotOptions, open: (signal: AbortSignal) => Promise<Link>) {
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
            'not connected; trying again',
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
