/** Answers of the recent-messages service as its enemies would give them: the gap is closed once, and nothing throws. */
import fc, { type Arbitrary } from 'fast-check';
import type { Gap } from '../../src/connectors/connector.ts';
import { FakeCoverage, fakeContext } from '../../src/connectors/testing/fakes.ts';
import { GapFiller } from '../../src/connectors/twitch/gap-filler.ts';
import { RecentMessagesClient } from '../../src/connectors/twitch/recent-messages.ts';
import { twitchLine } from '../support/arbitrary-lines.ts';
import { holds } from './names.ts';
import type { FuzzProperty } from './property.ts';

const CHANNEL = 'ann';
const NOW = Date.parse('2026-11-21T13:00:00.000Z');
/** So that whatever time a line says lies in the gap. */
const WANTED_SINCE = Date.UTC(1990, 0, 1);
const never = new AbortController().signal;

const entry = fc.oneof(
  { weight: 4, arbitrary: twitchLine({ channel: CHANNEL, historical: true }) },
  { weight: 1, arbitrary: twitchLine({ historical: true }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 1 }) },
);
const whole = fc
  .record(
    {
      messages: fc.oneof(
        { weight: 5, arbitrary: fc.array(entry, { maxLength: 30 }) },
        { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
      ),
      error: fc.oneof(fc.constant(null), fc.string(), fc.jsonValue({ maxDepth: 1 })),
      error_code: fc.oneof(
        fc.constant(null),
        fc.constantFrom('channel_not_joined', 'channel_ignored', ''),
        fc.nat(),
      ),
    },
    { requiredKeys: [] },
  )
  .map((value) => JSON.stringify(value));
const body: Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: whole },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 100 }) },
  {
    weight: 1,
    arbitrary: fc.tuple(whole, fc.nat()).map(([text, at]) => text.slice(0, at % (text.length + 1))),
  },
);
const answer = fc.record({
  body,
  status: fc.oneof(
    { weight: 5, arbitrary: fc.constant(200) },
    fc.constantFrom(400, 403, 404, 429, 500, 502, 503),
  ),
  retryAfter: fc.oneof(fc.constant(''), fc.constantFrom('0', '-5', 'soon', '0.001', 'NaN')),
});

export const historyAnswers: FuzzProperty = {
  name: 'answers of the history service: the gap is closed once, whatever they are',
  suiteRuns: 300,
  async check(options) {
    let lines = 0;
    await fc.assert(
      fc.asyncProperty(answer, async ({ body: text, status, retryAfter }) => {
        let nowMs = WANTED_SINCE;
        const coverage = new FakeCoverage(() => nowMs);
        const context = { ...fakeContext(), coverage, now: () => nowMs };
        const client = new RecentMessagesClient({
          url: 'http://127.0.0.1/none',
          fetch: async () =>
            new Response(text, { status, headers: retryAfter === '' ? {} : { 'retry-after': retryAfter } }),
          ...{ spacingMs: 0, attempts: 2, retryMinMs: 0.1, retryMaxMs: 0.2 },
        });
        coverage.wanted(CHANNEL);
        nowMs = NOW;
        const gap: Gap = coverage.live(CHANNEL, () => NOW)!;
        await new GapFiller(context, client).fill(gap, never);
        const { closed } = coverage;
        holds(closed.length === 1, 'the gap is closed exactly once');
        holds(closed[0]!.filled === context.sink.pushed.length, 'what was filled is counted');
        for (const { event } of context.sink.pushed) {
          holds(event.channel === CHANNEL, 'only lines of the channel are recorded');
          holds(event.source === 'backfill', 'they say where they come from');
        }
        lines += context.sink.pushed.length;
      }),
      options,
    );
    holds(lines > 0, 'some of them bring lines');
    return `${options.numRuns} answers, ${lines} lines`;
  },
};
