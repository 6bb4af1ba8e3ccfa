/**
 * Fills gaps from the recent-messages service. Every gap is closed exactly once, whatever happens; lines that were
 * recorded already are recognised by the sink. Live lines come first: between portions the event loop gets its turn,
 * and nothing is pushed into a full sink.
 */
import { setImmediate as yieldToLive } from 'node:timers/promises';
import type { BackfillOutcome, CapturedEvent } from '../../event.ts';
import { formatTimestamp, isCredible } from '../../lib/timestamp.ts';
import type { ConnectorContext, Gap } from '../connector.ts';
import { LIMIT, type RecentMessages } from './recent-messages.ts';
import { parseTwitchLine } from './twitch-line.ts';

/** Lines are asked for from so long before a gap to so long after it: clocks differ, and `tmi-sent-ts` jumps. */
export const MARGIN_MS = 60_000;

const PORTION = 100;
const WORTH_TELLING_MS = 1_000;

/** Where the lines come from; {@link RecentMessagesClient} or, in tests, anything like it. */
export interface ChannelHistory {
  since(channel: string, afterMs: number, signal: AbortSignal): Promise<RecentMessages>;
}

export class GapFiller {
  readonly #context: ConnectorContext;
  /** Undefined: backfill is switched off. */
  readonly #history: ChannelHistory | undefined;

  constructor(context: ConnectorContext, history: ChannelHistory | undefined) {
    this.#context = context;
    this.#history = history;
  }

  /** Fills and closes the gap. On abort it is left open: if the channel is still wanted, the next start finds it again. */
  async fill(gap: Gap, signal: AbortSignal): Promise<void> {
    const { coverage, sink, log } = this.#context;
    if (!this.#history) {
      coverage.closeGap(gap, 'off', 0);
      return;
    }
    const { outcome, filled, reason } = await this.recover(gap, signal);
    await sink.recorded(signal);
    coverage.closeGap(gap, outcome, filled);
    const fields = {
      channel: gap.channel,
      gapMs: gap.toMs - gap.fromMs,
      cause: gap.cause,
      outcome,
      filled,
      reason,
    };
    // What is too short for a line of the archive is too short for an alarm.
    if (outcome === 'failed' && fields.gapMs >= WORTH_TELLING_MS) log.warn(fields, 'gap could not be filled');
    else log.debug(fields, 'gap filled');
  }

  /** Records what the service has for that time. Rejects on abort only. */
  async recover(
    gap: Gap,
    signal: AbortSignal,
  ): Promise<{ outcome: BackfillOutcome; filled: number; reason?: string }> {
    if (!this.#history) return { outcome: 'off', filled: 0 };
    const sinceMs = gap.fromMs - MARGIN_MS;
    const answer = await this.#history.since(gap.channel, sinceMs, signal);
    if (answer.outcome !== 'lines') return { outcome: answer.outcome, filled: 0, reason: answer.reason };
    if (answer.lines.length > 0) await this.#context.recall(gap.channel, sinceMs, signal);
    const { filled, oldestMs } = await this.#push(answer.lines, gap, signal);
    if (answer.doubt !== undefined) return { outcome: 'partial', filled, reason: answer.doubt };
    const reachesBack = answer.lines.length < LIMIT || oldestMs < gap.fromMs;
    return { outcome: reachesBack ? 'complete' : 'partial', filled };
  }

  async #push(
    lines: readonly string[],
    gap: Gap,
    signal: AbortSignal,
  ): Promise<{ filled: number; oldestMs: number }> {
    let filled = 0;
    let oldestMs = Number.POSITIVE_INFINITY;
    for (let start = 0; start < lines.length; start += PORTION) {
      await yieldToLive(undefined, { signal });
      if (this.#context.sink.full) await this.#context.sink.drained(signal);
      for (const line of lines.slice(start, start + PORTION)) {
        const captured = this.#parse(line);
        oldestMs = Math.min(oldestMs, captured.timeMs);
        if (this.#belongs(captured, gap) && this.#context.sink.push(captured)) filled++;
      }
    }
    return { filled, oldestMs };
  }

  #parse(line: string): CapturedEvent {
    const nowMs = this.#context.now();
    const captured = parseTwitchLine(line, nowMs, 'backfill');
    if (captured.event.type === 'raw') this.#context.parseFailure();
    // Fetched twice (a gap that opened again), it is still the same line: the service's own time tells it from others.
    const identity = captured.identity === '' ? `history ${line}` : captured.identity;
    const timeMs = line.includes('tmi-sent-ts=') ? undefined : serviceTime(line, nowMs);
    if (timeMs === undefined) return { ...captured, identity };
    return {
      ...captured,
      identity,
      timeMs,
      event: { ...captured.event, timestamp: formatTimestamp(timeMs) },
    };
  }

  /**
   * Only what can be told from what we have: within the gap everything, around it what has an identity of its own. A
   * line of another channel is a service gone astray.
   */
  #belongs({ event, timeMs, identity }: CapturedEvent, gap: Gap): boolean {
    if (event.channel !== gap.channel) return false;
    if (identity.startsWith('history ')) return timeMs > gap.fromMs && timeMs < gap.toMs;
    return timeMs >= gap.fromMs - MARGIN_MS && timeMs <= gap.toMs + MARGIN_MS;
  }
}

/** When the service got a line: the only time that lines without one of Twitch's (NOTICE, ROOMSTATE) have. */
function serviceTime(line: string, nowMs: number): number | undefined {
  const ms = Number(/^@(?:[^ ]*;)?rm-received-ts=(\d{12,15})[; ]/.exec(line)?.[1]);
  return isCredible(ms, nowMs) ? ms : undefined;
}
