import { describe, expect, it } from 'vitest';
import type { Gap } from '../connector.ts';
import { fakeContext } from '../testing/fakes.ts';
import { GapFiller } from './gap-filler.ts';
import { LIMIT, type RecentMessages } from './recent-messages.ts';
import { parseTwitchLine } from './twitch-line.ts';

const FROM_MS = Date.parse('2026-11-21T12:00:00.000Z');
const TO_MS = FROM_MS + 10 * 60_000;
const signal = new AbortController().signal;

function setUp(answer: RecentMessages) {
  const context = { ...fakeContext(), now: () => TO_MS + 5000 };
  const asked: { channel: string; afterMs: number }[] = [];
  const filler = new GapFiller(context, {
    since: async (channel, afterMs) => {
      asked.push({ channel, afterMs });
      return answer;
    },
  });
  return { context, filler, asked };
}

/** The gap that opens when the feed was lost at `FROM_MS` and is back at `TO_MS`. */
function openGap(context: ReturnType<typeof fakeContext>): Gap {
  context.coverage.wanted('ann');
  context.coverage.live('ann', () => FROM_MS);
  context.coverage.lost('ann', FROM_MS, 'connection lost: test');
  const gap = context.coverage.live('ann', () => TO_MS)!;
  return Object.assign(gap, { fromMs: FROM_MS, toMs: TO_MS });
}

const privmsg = (id: string, sentMs: number, channel = 'ann') =>
  `@historical=1;id=${id};rm-received-ts=${sentMs + 200};tmi-sent-ts=${sentMs};user-id=2 :bob!bob@bob.tmi.twitch.tv PRIVMSG #${channel} :${id}`;

const notice = (receivedMs: number, text: string) =>
  `@historical=1;msg-id=host_on;rm-received-ts=${receivedMs} :tmi.twitch.tv NOTICE #ann :${text}`;

describe('filling a gap from the recent messages', () => {
  it('asks from a minute before the gap and records what belongs to it, marked as backfill', async () => {
    const lines = [
      privmsg('long before', FROM_MS - 120_000),
      privmsg('before', FROM_MS - 30_000),
      privmsg('within', FROM_MS + 1000),
      privmsg('after', TO_MS + 2000),
      privmsg('elsewhere', FROM_MS + 1000, 'cid'),
    ];
    const { context, filler, asked } = setUp({ outcome: 'lines', lines });
    await filler.fill(openGap(context), signal);
    expect(asked).toEqual([{ channel: 'ann', afterMs: FROM_MS - 60_000 }]);
    expect(context.sink.texts()).toEqual(['before', 'within', 'after']);
    expect(context.sink.pushed.every(({ event }) => event.source === 'backfill')).toBe(true);
    expect(context.coverage.closed).toMatchObject([{ backfill: 'complete', filled: 3 }]);
  });

  it('has recalled what was recorded around the gap before it pushes the first line', async () => {
    const { context, filler } = setUp({ outcome: 'lines', lines: [privmsg('within', FROM_MS + 1000)] });
    await filler.fill(openGap(context), signal);
    expect(context.recalls).toEqual([{ channel: 'ann', sinceMs: FROM_MS - 60_000, pushedBefore: 0 }]);
    expect(context.sink.texts()).toEqual(['within']);
  });

  it('recalls nothing where there is nothing to push', async () => {
    for (const answer of [
      { outcome: 'lines', lines: [] },
      { outcome: 'failed', reason: 'x' },
    ] as const) {
      const { context, filler } = setUp(answer.outcome === 'lines' ? { ...answer, lines: [] } : answer);
      await filler.fill(openGap(context), signal);
      expect(context.recalls).toEqual([]);
    }
  });

  it('counts only what was not recorded already', async () => {
    const lines = [privmsg('known', FROM_MS - 1000), privmsg('new', FROM_MS + 1000)];
    const { context, filler } = setUp({ outcome: 'lines', lines });
    context.sink.push(parseTwitchLine(privmsg('known', FROM_MS - 1000), FROM_MS));
    await filler.fill(openGap(context), signal);
    expect(context.coverage.closed).toMatchObject([{ filled: 1 }]);
  });

  it('gives lines without a time of their own the one at which the service got them, once', async () => {
    const lines = [
      notice(FROM_MS - 5000, 'known'),
      notice(FROM_MS + 5000, 'missed'),
      notice(TO_MS + 1000, 'live'),
    ];
    const { context, filler } = setUp({ outcome: 'lines', lines });
    const gap = openGap(context);
    await filler.recover(gap, signal);
    await filler.recover(gap, signal);
    expect(context.sink.pushed.map(({ event, timeMs }) => [event.message, event.timestamp, timeMs])).toEqual([
      ['missed', new Date(FROM_MS + 5000).toISOString(), FROM_MS + 5000],
    ]);
  });

  it('says when the history did not reach back to the start of the gap', async () => {
    const page = (fromMs: number) => Array.from({ length: LIMIT }, (_, n) => privmsg(`m${n}`, fromMs + n));
    const short = setUp({ outcome: 'lines', lines: page(FROM_MS + 60_000) });
    await short.filler.fill(openGap(short.context), signal);
    expect(short.context.coverage.closed).toMatchObject([{ backfill: 'partial', filled: LIMIT }]);
    const long = setUp({ outcome: 'lines', lines: page(FROM_MS - 100) });
    await long.filler.fill(openGap(long.context), signal);
    expect(long.context.coverage.closed).toMatchObject([{ backfill: 'complete' }]);
  });

  it('does not call a gap filled where the service doubts its own answer', async () => {
    const lines = [privmsg('within', FROM_MS + 1000)];
    const { context, filler } = setUp({ outcome: 'lines', lines, doubt: 'channel_not_joined' });
    await filler.fill(openGap(context), signal);
    expect(context.coverage.closed).toMatchObject([{ backfill: 'partial', filled: 1 }]);
  });

  it.each(['unavailable', 'failed'] as const)(
    'closes the gap as %s where there is nothing to be had',
    async (outcome) => {
      const { context, filler } = setUp({ outcome, reason: 'x' });
      await filler.fill(openGap(context), signal);
      expect(context.coverage.closed).toMatchObject([{ backfill: outcome, filled: 0 }]);
    },
  );

  it('closes it as off where backfill is switched off', async () => {
    const context = fakeContext();
    await new GapFiller(context, undefined).fill(openGap(context), signal);
    expect(context.coverage.closed).toMatchObject([{ backfill: 'off', filled: 0 }]);
  });

  it('keeps what it cannot understand, as raw, and goes on', async () => {
    const odd = `@rm-received-ts=${FROM_MS + 1} NOVELTY #ann :what`;
    const { context, filler } = setUp({
      outcome: 'lines',
      lines: [odd, '', '\0', privmsg('fine', FROM_MS + 2)],
    });
    await filler.fill(openGap(context), signal);
    expect(context.sink.events('raw')).toMatchObject([{ raw: odd, source: 'backfill' }]);
    expect(context.sink.texts()).toEqual(['fine']);
  });

  it('pushes nothing into a full sink, and leaves the gap open when it is stopped', async () => {
    const { context, filler } = setUp({ outcome: 'lines', lines: [privmsg('within', FROM_MS + 1000)] });
    const gap = openGap(context);
    context.sink.full = true;
    const controller = new AbortController();
    const filling = filler.fill(gap, controller.signal);
    setTimeout(() => controller.abort(new Error('stopped')), 30);
    await expect(filling).rejects.toThrow('stopped');
    expect(context.sink.pushed).toEqual([]);
    expect(context.coverage.closed).toEqual([]);
  });
});
