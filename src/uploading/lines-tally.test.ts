import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sha256 } from '../../test/support/segments.ts';
import { LinesTally } from './lines-tally.ts';

/** The tally of the bytes, given in pieces that end at these places; one buffer serves all pieces. */
function tally(bytes: Buffer, cuts: number[] = []): ReturnType<LinesTally['finish']> {
  const tallied = new LinesTally();
  const places = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  const reused = Buffer.alloc(bytes.length);
  let start = 0;
  for (const end of places) {
    const size = bytes.copy(reused, 0, start, end);
    tallied.update(reused.subarray(0, size));
    start = end;
  }
  return tallied.finish();
}

/** The same, the slow and obvious way. */
function naive(text: string): { lines: number; first: string; last: string } {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const timestamps = lines
    .map((line) => {
      try {
        const parsed = JSON.parse(line) as { timestamp?: unknown } | null;
        return typeof parsed?.timestamp === 'string' ? new Date(parsed.timestamp).toISOString() : '';
      } catch {
        return '';
      }
    })
    .filter((timestamp) => timestamp.length === 24)
    .sort();
  return { lines: lines.length, first: timestamps[0] ?? '', last: timestamps.at(-1) ?? '' };
}

const timestamp = fc
  .date({ noInvalidDate: true, min: new Date('1990-01-01'), max: new Date('2099-01-01') })
  .map((date) => date.toISOString());
const line = fc.oneof(
  { weight: 5, arbitrary: timestamp.map((time) => `{"timestamp":"${time}","message":"ü"}`) },
  timestamp.map((time) => `{"channel":"x","timestamp":"${time}"}`),
  timestamp.map((time) => `{ "timestamp": "${time.replace('.000Z', 'Z')}" }`),
  fc.constantFrom(
    '',
    '{}',
    'null',
    '[]',
    '{"timestamp":"',
    '{"timestamp":"2026-11-21T13:00:00.000',
    '{"timestamp":7}',
  ),
  fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\n', '')),
);

test('counts, digest and times are those of the lines, however the bytes come in', () => {
  fc.assert(
    fc.property(fc.array(line), fc.boolean(), fc.array(fc.nat(), { maxLength: 5 }), (lines, ended, cuts) => {
      const text = lines.join('\n') + (ended && lines.length > 0 ? '\n' : '');
      const bytes = Buffer.from(text);
      const expected = naive(bytes.toString());
      expect(tally(bytes, cuts)).toEqual({
        lines: expected.lines,
        linesBytes: bytes.length,
        linesSha256: sha256(bytes),
        firstTimestamp: expected.first,
        lastTimestamp: expected.last,
      });
    }),
    { numRuns: 300 },
  );
});

test('a line of many megabytes counts once and tells the time at its head', () => {
  const long = `{"timestamp":"2026-11-21T13:00:00.000Z","message":"${'x'.repeat(5_000_000)}"}\n`;
  const short = '{"timestamp":"2026-11-21T12:00:00.000Z"}\n';
  const cuts = Array.from({ length: 50 }, (_, index) => index * 100_003);
  expect(tally(Buffer.from(long + short + long), cuts)).toMatchObject({
    lines: 3,
    firstTimestamp: '2026-11-21T12:00:00.000Z',
    lastTimestamp: '2026-11-21T13:00:00.000Z',
  });
});

test('what only looks like a timestamp is none', () => {
  const bytes = Buffer.from(
    '{"timestamp":"2026-11-21T13:00:00.00éZ"}\n{"timestamp":"9999-99-99T99:99:99.99\u0000Z"}\n',
  );
  expect(tally(bytes)).toMatchObject({ lines: 2, firstTimestamp: '', lastTimestamp: '' });
});
