import { setImmediate as yieldToLive } from 'node:timers/promises';
import type { BackfillOutcome, CapturedEvent } from '../../event.ts';
import type { ConnectorContext, EventSink, Gap } from '../connector.ts';
import type { ChatHistory } from './chat-history.ts';

export interface HistoryFill {
  gap: Gap;
  history: Pick<ChatHistory, 'after'>;
  /** Lines per request; the server's limit. */
  limit: number;
  parse(line: string): CapturedEvent;
  /** Awaited once, before the first line is pushed. */
  recall: ConnectorContext['recall'];
  /** False where the line was recorded already. */
  push(captured: CapturedEvent): boolean;
  sink: Pick<EventSink, 'full' | 'drained'>;
  signal: AbortSignal;
}

export interface HistoryFillResult {
  outcome: BackfillOutcome;
  filled: number;
  reason?: string;
}

/** Asked for from so long before the gap on: clocks differ. */
const MARGIN_MS = 60_000;
const REQUESTS_MAX = 100;

/**
 * Records a gap's lines from the server's own history, page by page from its start on. Lines with an id are
 * recognised by the sink where we have them; lines without one are taken within the gap only. Rejects on abort only.
 */
export async function fillFromHistory(fill: HistoryFill): Promise<HistoryFillResult> {
  const { gap, history, limit, signal } = fill;
  const sinceMs = gap.fromMs - MARGIN_MS;
  let point = `timestamp=${new Date(sinceMs).toISOString()}`;
  let hasRecalled = false;
  let filled = 0;
  for (let request = 0; request < REQUESTS_MAX; request++) {
    const answer = await history.after({ channel: gap.channel, point, sinceMs, limit }, signal);
    if (answer.outcome !== 'lines') {
      // What came before it stays recorded.
      return { outcome: filled > 0 ? 'partial' : answer.outcome, filled, reason: answer.reason };
    }
    if (answer.lines.length > 0 && !hasRecalled) {
      await fill.recall(gap.channel, sinceMs, signal);
      hasRecalled = true;
    }
    await yieldToLive(undefined, { signal });
    if (fill.sink.full) await fill.sink.drained(signal);
    const events = answer.lines.map((line) => fill.parse(line));
    for (const captured of events) if (belongs(captured, gap) && fill.push(captured)) filled++;
    const last = events.at(-1);
    if (!last || answer.lines.length < limit || last.timeMs >= gap.toMs)
      return { outcome: 'complete', filled };
    const next = last.identity !== '' ? `msgid=${last.identity}` : `timestamp=${last.event.timestamp}`;
    if (next === point) return { outcome: 'partial', filled, reason: 'the history does not go on' };
    point = next;
  }
  return { outcome: 'partial', filled, reason: `more than ${REQUESTS_MAX * limit} lines` };
}

function belongs({ event, timeMs, identity }: CapturedEvent, gap: Gap): boolean {
  if (event.channel !== gap.channel) return false;
  if (identity === '') return timeMs > gap.fromMs && timeMs < gap.toMs;
  return timeMs >= gap.fromMs - MARGIN_MS && timeMs <= gap.toMs + MARGIN_MS;
}
