/**
 * The connections of one Twitch account, each with its share of the channels. A *slot* is a place for one connection
 * that is kept up (`slot.ts`); a *link* is one connection's life in a slot.
 *
 * Limits: `channelsPerConnection` channels in a slot, one new connection per `connectIntervalMs` over all slots.
 */
import { setTimeout as sleepFor } from 'node:timers/promises';
import type { ConnectionStatus } from '../connector.ts';
import type { IrcConnection } from '../irc/irc-connection.ts';
import { type Link, Slot, type SlotOptions } from './slot.ts';

export interface ConnectionPoolOptions extends SlotOptions {
  channelsPerConnection: number;
  connectIntervalMs: number;
  /** Makes a connection, not opened yet. `linkId` is what the lines it delivers are known by. */
  connect(linkId: string): Promise<IrcConnection>;
  /** Whether a channel is still delivered there, be its home where it may. */
  isLive(slot: Slot): boolean;
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
    return this.#home.get(channel) ?? this.#findHome(channel, undefined);
  }

  /** Gives the channel a home in another slot than now. */
  move(channel: string): Slot {
    return this.#findHome(channel, this.#home.get(channel));
  }

  /** Gives the channel its home in this slot, where it is delivered. */
  settle(channel: string, slot: Slot): void {
    this.remove(channel);
    slot.channels.add(channel);
    this.#home.set(channel, slot);
  }

  /** The channel needs no place any more. */
  remove(channel: string): void {
    this.#home.get(channel)?.channels.delete(channel);
    this.#home.delete(channel);
  }

  /** Closes the slots that are nobody's home and deliver nothing. */
  closeUnused(): void {
    for (const slot of this.#slots) {
      if (slot.channels.size > 0 || this.#options.isLive(slot)) continue;
      this.#slots.delete(slot);
      slot.stop();
    }
  }

  slotOf(channel: string): Slot | undefined {
    return this.#home.get(channel);
  }

  statuses(): ConnectionStatus[] {
    return [...this.#slots].map((slot) => slot.status());
  }

  #findHome(channel: string, except: Slot | undefined): Slot {
    let slot = [...this.#slots].find(
      (each) => each !== except && each.channels.size < this.#options.channelsPerConnection,
    );
    if (!slot) {
      slot = new Slot(String(++this.#slotNumber), this.#options, (signal) => this.#openLink(signal));
      this.#slots.add(slot);
      if (this.#signal) this.#run(slot, this.#signal);
    }
    this.settle(channel, slot);
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
