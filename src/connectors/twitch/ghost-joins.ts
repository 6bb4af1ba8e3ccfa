/**
 * Ghost joins: a channel that is joined, on a connection that lives, and yet not delivered. A channel that falls
 * silent against its habit is joined on another connection first and then parted on the old one; what the history
 * service knows of the silence tells whether it was one.
 */
import type { ConnectorContext } from '../connector.ts';
import type { GapFiller } from './gap-filler.ts';
import { type SilenceOptions, SilenceWatch } from './silence-watch.ts';

export interface GhostJoinsOptions extends SilenceOptions {
  context: ConnectorContext;
  filler: GapFiller;
  /** Until when the channel's feed is known to be alive; undefined where it is not. */
  heardAtMs(channel: string): (() => number) | undefined;
  monotonicMs?: () => number;
}

export class GhostJoins {
  readonly #options: GhostJoinsOptions;
  readonly #silence: SilenceWatch;
  readonly #monotonicMs: () => number;
  /** Channels under suspicion, and when they were last heard, ms since the epoch. */
  readonly #suspected = new Map<string, number>();

  constructor(options: GhostJoinsOptions) {
    this.#options = options;
    this.#silence = new SilenceWatch(options);
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
  }

  /** The channel's feed begins. */
  joined(channel: string): void {
    this.#silence.add(channel, this.#monotonicMs());
  }

  removed(channel: string): void {
    this.#silence.remove(channel);
    this.#suspected.delete(channel);
  }

  /** A line of the channel came, at this time since the epoch. */
  heard(channel: string, receivedAtMs: number): void {
    this.#silence.heard(channel, this.#monotonicMs(), receivedAtMs);
  }

  /** Channels to be moved now. */
  suspects(): string[] {
    const nowMs = this.#monotonicMs();
    if (this.#options.context.sink.full) {
      // Nothing is read then.
      this.#silence.deaf(nowMs);
      return [];
    }
    const channels = this.#silence.suspects(nowMs);
    for (const channel of channels) this.#suspected.set(channel, this.#silence.heardAtMs(channel));
    return channels;
  }

  /** The channel has moved. Returns since when it was silent, where it was under suspicion; that ends the suspicion. */
  moved(channel: string): number | undefined {
    const sinceMs = this.#suspected.get(channel);
    this.#suspected.delete(channel);
    return sinceMs;
  }

  /** Fetches what was missed, and where that is anything, writes it down as a gap. Rejects on abort only. */
  async recover(channel: string, sinceMs: number, signal: AbortSignal): Promise<void> {
    const { context, filler, heardAtMs } = this.#options;
    const gap = { channel, fromMs: sinceMs, toMs: context.now(), cause: 'ghost join' };
    const { outcome, filled } = await filler.recover(gap, signal);
    if (filled === 0) return;
    context.log.warn({ channel, filled }, 'a channel was joined but not delivered (ghost join)');
    const heard = heardAtMs(channel);
    if (!heard) return;
    context.coverage.lost(channel, sinceMs, 'joined, but the platform delivered nothing');
    const missed = context.coverage.live(channel, heard);
    await context.sink.recorded(signal);
    if (missed) context.coverage.closeGap(missed, outcome, filled);
  }
}
