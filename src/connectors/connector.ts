/**
 * The port between a chat platform and the recorder. One connector = one account on one platform (or one IRC
 * network); it owns its connections, its joins and its reconnects. What it must do, and how it is checked, is
 * `connector.contract.ts`: a suite that runs over every connector.
 *
 * A connector never drops, never blocks and never touches the disk: it pushes events into the channel and stops
 * reading its sockets while `sink.full`. It never throws out of `run` except for a bug: trouble is a state.
 */
import type { BackfillOutcome, CapturedEvent } from '../event.ts';
import type { Logger } from '../lib/logger.ts';

/** Where a channel stands. `reason` in {@link ChannelStatus} says why in words. */
export type ChannelState =
  /** Configured, waiting for its turn (join budget, connection not up). */
  | 'queued'
  /** JOIN is on the wire, confirmation outstanding. */
  | 'joining'
  | 'joined'
  /** The platform refuses this account here: not retried until the configuration changes or the process restarts. */
  | 'banned'
  /** The channel's account is suspended. */
  | 'suspended'
  /** No such channel. */
  | 'not_found'
  /** The account may not join more channels; retried after a pause. */
  | 'limit'
  /** Join failed or was not confirmed; retried with backoff. */
  | 'retrying';

export interface ChannelStatus {
  channel: string;
  state: ChannelState;
  /** Why, and what to do, where `state` is not `joined`. */
  reason?: string;
  /** Since when it is in this state, ms since the epoch. */
  sinceMs: number;
}

/** Where a connection stands. */
export type ConnectionState = 'connecting' | 'connected' | 'waiting' | 'closed';

export interface ConnectionStatus {
  /** Stable within the connector: `1`, `2`, ... */
  id: string;
  state: ConnectionState;
  reason?: string;
  channels: number;
  /** When the last byte came, ms since the epoch; 0 = never. */
  lastHeardMs: number;
}

export interface ConnectorStatus {
  platform: string;
  channels: ChannelStatus[];
  connections: ConnectionStatus[];
}

/** One channel as a connector is told of it. */
export interface ChannelSpec {
  /** Normalised as the platform compares names (Twitch: lower case without `#`). */
  name: string;
  /** IRC channel key. */
  key?: string;
}

/** A stretch of time that was not recorded: the end of the last certain feed to the start of the new one, ms since the epoch. */
export interface Gap {
  readonly channel: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** What happened, for people: `connection lost: read ECONNRESET`, `chatlog was not running`. */
  readonly cause: string;
}

/**
 * What the recorder knows of each channel's feed, kept on disk across restarts. The connector reports the feed
 * coming and going; the coverage answers with the gap that has to be filled.
 */
export interface Coverage {
  /** The channel is to be recorded from now on (unless it was already): its first gap starts here. */
  wanted(channel: string): void;
  /**
   * The channel's feed is certain as of now. `heardAtMs` is asked from time to time: until when the feed is known
   * to have been alive (the last byte on its connection). Returns the gap to fill, if one is open; every returned
   * gap must be given back to {@link closeGap}.
   */
  live(channel: string, heardAtMs: () => number): Gap | undefined;
  /** The feed of the channel ended; certain until `heardAtMs`. */
  lost(channel: string, heardAtMs: number, cause: string): void;
  /** Filling is over, well or not: the gap line is written and the coverage moves on. */
  closeGap(gap: Gap, backfill: BackfillOutcome, filled: number): void;
  /** The channel is no longer recorded (removed from the configuration). */
  unwanted(channel: string): void;
}

/** The bounded channel as its senders see it. */
export interface EventSink {
  /** Never blocks, never throws. Returns false when the event was a duplicate of one seen lately. */
  push(captured: CapturedEvent): boolean;
  /** True: stop reading sockets, then await {@link drained}. What was read already may still be pushed. */
  readonly full: boolean;
  /** Resolves when there is room again; rejects with the signal's reason on abort. */
  drained(signal: AbortSignal): Promise<void>;
  /** Resolves when everything pushed before the call is recorded (fdatasync returned); rejects on abort. */
  recorded(signal: AbortSignal): Promise<void>;
}

/** What a connector is given to work with. */
export interface ConnectorContext {
  readonly sink: EventSink;
  readonly coverage: Coverage;
  readonly log: Logger;
  /**
   * Makes the sink recognise again what was recorded of the channel since `sinceMs`, however long ago that was: to be
   * awaited before the history of a gap is pushed. Rejects on abort only.
   */
  recall(channel: string, sinceMs: number, signal: AbortSignal): Promise<void>;
  /** Counts a line that could not be understood (it was recorded as `type: raw`). */
  parseFailure(): void;
  /** Milliseconds since the epoch. */
  now(): number;
}

export interface Connector {
  /** As in {@link ChatEvent.platform}. */
  readonly platform: string;
  /**
   * Connects and records until aborted; resolves only then, with every socket closed. A rejection, or a return
   * without abort, is a bug and ends the process.
   */
  run(signal: AbortSignal): Promise<void>;
  /**
   * The channels that are to be recorded, at the start and at every change: joins what is new, parts what is gone.
   * `rejoin` is one of them that is left and joined again; what is missed meanwhile is a gap like any other.
   */
  setChannels(channels: readonly ChannelSpec[], rejoin?: string): void;
  status(): ConnectorStatus;
}
