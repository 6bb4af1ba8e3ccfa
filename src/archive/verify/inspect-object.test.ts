import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { corpusLines } from '../../../test/support/corpus.ts';
import { twitchEvent } from '../../../test/support/log-events.ts';
import { sha256 } from '../../../test/support/segments.ts';
import { gapLine, linesOf, saidLines } from '../../../test/support/stored-lines.ts';
import type { ChatEvent } from '../../event.ts';
import { encodeName } from '../../segment-name.ts';
import { type InspectRules, inspectObject } from './inspect-object.ts';

const HOUR_MS = Date.UTC(2026, 10, 21, 13);
const RULES: InspectRules = {
  ...{ platform: 'twitch', channel: 'xqc', fromMs: HOUR_MS, toMs: HOUR_MS + 3_600_000 },
  ...{ isSorted: false, compression: 'zstd' },
};
const events = [...saidLines(50, HOUR_MS), gapLine(HOUR_MS + 60_000, HOUR_MS + 70_000)];
const lines = linesOf(events);

async function* cutAt(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer> {
  let start = 0;
  for (const cut of [
    ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b),
    bytes.length,
  ]) {
    const chunk = Buffer.from(bytes.subarray(start, cut));
    yield chunk;
    chunk.fill(0);
    start = cut;
  }
}

const inspect = (bytes: Buffer, rules: Partial<InspectRules> = {}) =>
  inspectObject(cutAt(bytes, []), { ...RULES, ...rules });
const inspectLines = (of: readonly ChatEvent[], rules: Partial<InspectRules> = {}) =>
  inspect(linesOf(of), { compression: 'none', ...rules });

const FINE = { malformed: undefined, outside: undefined, strangers: undefined, disorder: undefined };

test('says of a whole object what is in it, wherever its chunks are cut', async () => {
  const compressed = { zstd: zstdCompressSync(lines), gzip: gzipSync(lines), none: lines };
  for (const [compression, bytes] of Object.entries(compressed)) {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat()), async (cuts) => {
        const rules = { ...RULES, compression: compression as InspectRules['compression'] };
        expect(await inspectObject(cutAt(bytes, cuts), rules)).toEqual({
          ...FINE,
          ...{ objectBytes: bytes.length, objectSha256: sha256(bytes), broken: undefined },
          ...{ linesBytes: lines.length, linesSha256: sha256(lines), lines: 51 },
          ...{ firstTimestamp: '2026-11-21T13:00:00.000Z', lastTimestamp: '2026-11-21T13:01:00.000Z' },
          hours: [{ hourMs: HOUR_MS, lines: 50, firstMs: HOUR_MS, lastMs: HOUR_MS + 49_000 }],
          gaps: [expect.objectContaining({ channel: 'xqc', until: '2026-11-21T13:01:10.000Z' })],
        });
      }),
      { numRuns: 20 },
    );
  }
});

test('says how far an object comes that is cut off, and hashes all of what there is', async () => {
  for (const [compression, whole] of [
    ['zstd', zstdCompressSync(lines)],
    ['gzip', gzipSync(lines)],
  ] as const) {
    const bytes = whole.subarray(0, -9);
    const inspection = await inspect(bytes, { compression });
    expect(inspection).toMatchObject({ ...FINE, broken: { isCut: true }, objectSha256: sha256(bytes) });
    expect(await inspect(Buffer.alloc(0), { compression })).toMatchObject({ broken: { isCut: true } });
  }
});

test('any flipped bit shows, by the digest at least, and ends nothing', async () => {
  const whole = zstdCompressSync(lines);
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length * 8 - 1), async (bit) => {
      const bytes = Buffer.from(whole);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      const inspection = await inspect(bytes);
      expect(inspection.objectSha256).toBe(sha256(bytes));
      expect(inspection.objectBytes).toBe(bytes.length);
    }),
  );
});

test('fails as its source does', async () => {
  const source = async function* () {
    yield zstdCompressSync(lines).subarray(0, 50);
    throw new Error('the connection was reset');
  };
  await expect(inspectObject(source(), RULES)).rejects.toThrow('the connection was reset');
});

describe('of the lines it finds', () => {
  const [first, second] = [events[0]!, events[1]!];

  test('those that are no event', async () => {
    const odd = [
      '{',
      '[]',
      'null',
      '{"timestamp":"2026-11-21T13:00:00.000Z"}',
      '{"timestamp":7,"channel":"","platform":""}',
    ];
    const bytes = Buffer.concat([linesOf([first]), Buffer.from(`${odd.join('\n')}\n`), linesOf([second])]);
    expect(await inspect(bytes, { compression: 'none' })).toMatchObject({
      ...FINE,
      malformed: { count: odd.length, line: 2, example: '{' },
      lines: odd.length + 2,
    });
  });

  test('one that is longer than any line, and the next one', async () => {
    const long = Buffer.from(`{"message":"${'x'.repeat(17 * 1024 * 1024)}"}\n`);
    const bytes = Buffer.concat([long, linesOf([first])]);
    expect(await inspect(bytes, { compression: 'none' })).toMatchObject({
      malformed: { count: 1, line: 1 },
      hours: [{ lines: 1 }],
    });
  });

  test('a last one without its end', async () => {
    expect(await inspect(lines.subarray(0, -5), { compression: 'none' })).toMatchObject({
      ...FINE,
      malformed: { count: 1, line: 51 },
    });
  });

  test('those of another time, channel or platform', async () => {
    const odd = [first, ...saidLines(2, HOUR_MS - 1_000), ...saidLines(1, HOUR_MS + 3_600_000)];
    expect(await inspectLines(odd)).toMatchObject({
      ...FINE,
      outside: { count: 2, line: 2, example: '2026-11-21T12:59:59.000Z' },
    });
    const strange = [first, { ...second, channel: 'forsen' }, second, { ...second, platform: 'kick' }];
    expect(await inspectLines(strange)).toMatchObject({
      ...FINE,
      strangers: { count: 2, line: 2, example: 'twitch/forsen' },
    });
  });

  test('what was received long before the line above it; backfill comes when it comes', async () => {
    const [a, b, c] = saidLines(3, HOUR_MS, { everyMs: 60_000 });
    expect(await inspectLines([a!, b!, { ...c!, received_at: a!.received_at! }])).toMatchObject({
      disorder: { count: 1, line: 3 },
    });
    const filled = { ...c!, source: 'backfill' as const, received_at: a!.received_at! };
    expect(await inspectLines([a!, b!, filled])).toMatchObject(FINE);
    expect(
      await inspectLines(
        [b!, a!, c!].map((event, index) => ({
          ...event,
          received_at: c!.received_at!.replace('0Z', `${index}Z`),
        })),
      ),
    ).toMatchObject(FINE);
  });

  test('in a day object, what stands before an earlier line', async () => {
    const day = { isSorted: true, fromMs: HOUR_MS - 13 * 3_600_000, toMs: HOUR_MS + 11 * 3_600_000 };
    const [a, b] = [first, { ...second, timestamp: first.timestamp }];
    const late = saidLines(1, HOUR_MS + 7_200_000)[0]!;
    expect(await inspectLines([a, b, late], day)).toMatchObject({
      ...FINE,
      hours: [{ lines: 2 }, { lines: 1 }],
    });
    expect(await inspectLines([b, a, late], day)).toMatchObject({ disorder: { count: 1, line: 2 } });
    expect(await inspectLines([late, a], day)).toMatchObject({ disorder: { count: 1, line: 2 } });
  });
});

test('real lines are fine', async () => {
  for (const line of corpusLines().slice(0, 500)) {
    const event = twitchEvent(line);
    const fromMs = Math.floor(Date.parse(event.timestamp) / 3_600_000) * 3_600_000;
    const rules = { fromMs, toMs: fromMs + 3_600_000, channel: encodeName(event.channel) };
    expect(await inspectLines([event], rules)).toMatchObject(FINE);
  }
});
