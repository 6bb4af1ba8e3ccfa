import { describe, expect, it } from 'vitest';
import { modelLines } from '../../../test/support/archive-model.ts';
import { indexLines, type Random, seededRandom, shuffled } from '../../../test/support/index-lines.ts';
import { lineBatch, linesOf } from '../../../test/support/line-batch.ts';
import type { ChatEvent } from '../../event.ts';
import { type BatchPart, joinParts, type LineBatch, sliceBatch } from '../scan/line-batch.ts';
import { Merger, mergeBatches } from './merger.ts';

const PLATFORM = 'twitch';

/** Lines of one platform, with copies of some by another recorder and many in the same millisecond. */
function sources(seed: number, random: Random): string[][] {
  const lines = indexLines({ seed, lines: 200 })
    .map((line) => JSON.parse(line) as ChatEvent)
    .map((event) => {
      const ms = Math.floor(Date.parse(event.timestamp) / 1_000) * 1_000 + random(3);
      return JSON.stringify({ ...event, platform: PLATFORM, timestamp: new Date(ms).toISOString() });
    });
  const count = 1 + random(5);
  return Array.from({ length: count }, () => lines.filter(() => random(3) > 0));
}

const timeOf = (line: string) => (JSON.parse(line) as ChatEvent).timestamp;
const textsOf = (batches: Iterable<LineBatch>) => [...batches].flatMap(linesOf);

/** Cut anywhere, also into nothing. */
function* cut(batch: LineBatch, random: Random): Generator<LineBatch> {
  for (let from = 0; from < batch.times.length; ) {
    const to = Math.min(batch.times.length, from + random(30));
    yield sliceBatch(batch, from, to);
    from = to;
  }
}

describe('sorted sources', () => {
  it('become one order with each line once, as a plain model has it, wherever they are cut', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = seededRandom(seed);
      const inputs = sources(seed, random).map((lines) => shuffled(lines, random));
      const merged = mergeBatches(
        inputs.map((lines) => {
          const sorted = lines.toSorted((a, b) =>
            timeOf(a) < timeOf(b) ? -1 : timeOf(a) > timeOf(b) ? 1 : 0,
          );
          return { origin: { platform: PLATFORM }, batches: cut(lineBatch(sorted), random) };
        }),
      );
      expect(textsOf(merged), `seed ${seed}`).toEqual(modelLines(inputs));
    }
  });

  it('count identical lines in each origin by itself, not in each of its parts', () => {
    const line = JSON.stringify({ timestamp: '2026-11-21T13:00:00.000Z', channel: 'a', type: 'join' });
    const origin = { platform: PLATFORM };
    const parts = [
      { origin, batches: [lineBatch([line])] },
      { origin, batches: [lineBatch([line])] },
    ];
    expect(textsOf(mergeBatches(parts))).toEqual([line, line]);
    const other = { origin: { platform: PLATFORM }, batches: [lineBatch([line, line, line])] };
    expect(
      textsOf(mergeBatches([...parts.map((part) => ({ ...part, batches: [lineBatch([line])] })), other])),
    ).toEqual([line, line, line]);
  });

  it('pass through uncopied where they come one after another', () => {
    const lines = indexLines({ seed: 3, lines: 100 }).sort((a, b) => (timeOf(a) < timeOf(b) ? -1 : 1));
    const whole = lineBatch(lines.filter((line, index) => timeOf(line) !== timeOf(lines[index + 1] ?? '{}')));
    const [merged] = [...mergeBatches([{ origin: { platform: PLATFORM }, batches: [whole] }])];
    expect(merged!.bytes.buffer).toBe(whole.bytes.buffer);
  });

  it('are handed on before more is asked for, where nobody is to wait', () => {
    const timeMs = Date.UTC(2026, 10, 20);
    const line = (ms: number) =>
      JSON.stringify({
        timestamp: new Date(timeMs + ms).toISOString(),
        channel: 'a',
        platform: PLATFORM,
        id: `${ms}`,
      });
    for (const isEager of [true, false]) {
      const merger = new Merger({ isEager });
      const first = merger.add({ platform: PLATFORM }, timeMs);
      const second = merger.add({ platform: PLATFORM }, timeMs + 10);
      merger.give(first, lineBatch([line(1), line(2)]));
      const steps = [merger.next()];
      if (isEager) steps.push(merger.next());
      expect(
        steps.map((step) => (step !== 'done' && 'batch' in step ? textsOf([step.batch]) : 'needs')),
      ).toEqual(isEager ? [[line(1)], 'needs'] : ['needs']);
      merger.give(first, undefined);
      expect(merger.next()).toEqual(isEager ? { batch: lineBatch([line(2)]) } : { needs: second });
    }
  });
});

describe('parts of batches', () => {
  it('are joined with their lines and times', () => {
    const batch = lineBatch(indexLines({ seed: 4, lines: 50 }));
    const parts: BatchPart[] = [
      { batch, from: 10, to: 20 },
      { batch, from: 0, to: 3 },
    ];
    const texts = textsOf([batch]);
    expect(textsOf([joinParts(parts)])).toEqual([...texts.slice(10, 20), ...texts.slice(0, 3)]);
    expect([...joinParts(parts).times]).toEqual([...batch.times.slice(10, 20), ...batch.times.slice(0, 3)]);
    expect(textsOf([joinParts([])])).toEqual([]);
  });
});
