import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it, vi } from 'vitest';
import { modelLines } from '../../../test/support/archive-model.ts';
import { archiveLines, putSegment } from '../../../test/support/archive-objects.ts';
import { type CompactRun, compactAll, storedSegments } from '../../../test/support/compact-world.ts';
import { indexLines, seededRandom, shuffled } from '../../../test/support/index-lines.ts';
import { tempDir } from '../../../test/support/temp-dir.ts';
import type { ChatEvent } from '../../event.ts';
import { readStoredDay } from '../../storage/day-sources.ts';
import { createDirectoryObjectStore } from '../../storage/directory-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { EVERYTHING } from '../selection.ts';

vi.setConfig({ testTimeout: 120_000 });

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const DAY = Date.UTC(2026, 10, 20);
const never = new AbortController().signal;

async function archive() {
  const directory = await tempDir('archive');
  const store = await createDirectoryObjectStore(directory.path);
  return {
    ...{ directory, store },
    /** Nothing of it may fail. */
    compact: async (run?: CompactRun) => {
      const report = await compactAll(store, run);
      expect(report.days.flatMap(({ error }) => error ?? [])).toEqual([]);
      return report;
    },
    segments: () => storedSegments(store),
    keys: async () => (await Array.fromAsync(store.list('', never))).map(({ key }) => key),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

/** What three recorders have of some channels: copies, backfill, identical lines, lines out of order. */
function recorded(seed: number, lines = 400, hours = 12): string[][] {
  const random = seededRandom(seed);
  const all = indexLines({ seed, lines, startMs: DAY + HOUR_MS, spanMs: hours * HOUR_MS });
  const others = all.filter(() => random(3) === 0).map((line) => asReceivedBy(line, random(2_000) - 500));
  return [all, others, shuffled(all.slice(0, 300), random)];
}

function asReceivedBy(line: string, laterMs: number): string {
  const event = JSON.parse(line) as ChatEvent;
  if (event.received_at === undefined) return line;
  return JSON.stringify({
    ...event,
    received_at: new Date(Date.parse(event.received_at) + laterMs).toISOString(),
  });
}

const channelDayOf = (key: string) => key.split('/').slice(0, 5).join('/');
const said = (timeMs: number, members: Partial<ChatEvent> = {}): string =>
  JSON.stringify({
    timestamp: new Date(timeMs).toISOString(),
    ...{ channel: 'xqc', username: 'ann', user_id: '1', message: 'hi ☃', platform: 'twitch' },
    id: createHash('md5').update(`${timeMs}`).digest('hex'),
    received_at: new Date(timeMs + 100).toISOString(),
    ...members,
  });
const ofXqc = (startMs: number, suffix = '') => ({ platform: 'twitch', channel: 'xqc', startMs, suffix });

describe('the hours and instances of a day', () => {
  it('become one object with each line once, in the order of the model, and nothing else is left', async () => {
    for (const seed of [1, 2]) {
      await using it = await archive();
      const compressions = ['zstd', 'gzip', 'none'] as const;
      const before = await archiveLines(
        it.store,
        recorded(seed, 250, 26),
        (index) => compressions[index % 3]!,
      );
      const report = await it.compact();
      const byDay = Map.groupBy(before, ({ key }) => channelDayOf(key));
      const after = await it.segments();
      expect(after.map(({ key }) => channelDayOf(key)).sort(), `seed ${seed}`).toEqual(
        [...byDay.keys()].sort(),
      );
      for (const { key, isDay, lines } of after) {
        expect(isDay).toBe(true);
        expect(lines, `seed ${seed}, ${key}`).toEqual(
          modelLines(byDay.get(channelDayOf(key))!.map((segment) => segment.lines)),
        );
      }
      expect(report).toMatchObject({ waiting: 0, stopped: false });
      expect(report.days.map(({ outcome }) => outcome)).toEqual(after.map(() => 'compacted'));
    }
  });

  it('are told beside the object, with the digests that they had', async () => {
    await using it = await archive();
    const lines = [said(DAY + HOUR_MS), said(DAY + 2 * HOUR_MS)];
    const keys = [await putSegment(it.store, ofXqc(DAY + HOUR_MS), lines.slice(0, 1))];
    keys.push(await putSegment(it.store, ofXqc(DAY + 2 * HOUR_MS), lines.slice(1)));
    const heads = await Promise.all(keys.map((key) => it.store.head(key, never)));
    await it.compact();
    const { told, segments } = await readStoredDay(
      it.store,
      { platform: 'twitch', channel: 'xqc', startMs: DAY },
      never,
    );
    expect(segments).toEqual([]);
    expect(told.map(({ sources }) => sources)).toEqual([
      keys.map((key, index) => {
        const { lines, linesBytes, linesSha256 } = heads[index]!.description!;
        return { key, lines, lines_bytes: linesBytes, lines_sha256: linesSha256 };
      }),
    ]);
  });

  it('are described as every segment is', async () => {
    await using it = await archive();
    await putSegment(it.store, ofXqc(DAY + HOUR_MS), [said(DAY + HOUR_MS + 5), said(DAY + HOUR_MS)]);
    await it.compact();
    const key = '2026/11/20/twitch/xqc/twitch_xqc_20261120_0000-day.jsonl.zst';
    expect((await it.store.head(key, never))?.description).toMatchObject({
      ...{ lines: 2, instance: 'test', formatVersion: 1 },
      firstTimestamp: '2026-11-20T01:00:00.000Z',
      lastTimestamp: '2026-11-20T01:00:00.005Z',
    });
  });

  it('are not touched a second time', async () => {
    await using it = await archive();
    await archiveLines(it.store, recorded(4, 300));
    await it.compact();
    const before = await it.segments();
    const report = await it.compact({ tools: { onStep: (step) => expect.unreachable(step) } });
    expect(new Set(report.days.map(({ outcome }) => outcome))).toEqual(new Set(['unchanged']));
    expect(await it.segments()).toEqual(before);
  });

  it('come together again with what came late', async () => {
    await using it = await archive();
    const [all] = recorded(5, 600) as [string[]];
    const isLate = (index: number) => index % 7 === 0;
    await archiveLines(it.store, [all.filter((_, index) => !isLate(index))]);
    await it.compact();
    const first = await it.segments();
    const late = all.filter((_, index) => isLate(index));
    const sources = [...first, ...(await archiveLines(it.store, [[], late, late.slice(0, 20)]))];
    await it.compact();
    const after = await it.segments();
    const byDay = Map.groupBy(sources, ({ key }) => channelDayOf(key));
    for (const { key, lines } of after)
      expect(lines).toEqual(modelLines(byDay.get(channelDayOf(key))!.map((source) => source.lines)));
    expect(after.every(({ key }) => /-day(-2)?\.jsonl\.zst$/.test(key))).toBe(true);
    expect(after.some(({ key }) => key.endsWith('-day-2.jsonl.zst'))).toBe(true);
    // What tells of the first objects went with them.
    const tellers = (await it.keys()).filter((key) => key.includes('.sources-'));
    expect(tellers.length).toBe(after.length);
  });

  it('are not made into another object where what came late holds nothing new', async () => {
    await using it = await archive();
    const lines = Array.from({ length: 50 }, (_, index) => said(DAY + HOUR_MS + index));
    await putSegment(it.store, ofXqc(DAY + HOUR_MS), lines);
    await it.compact();
    await putSegment(it.store, ofXqc(DAY + HOUR_MS, '-2'), lines.slice(10, 20));
    const [day] = (await it.compact()).days;
    expect(day).toMatchObject({ outcome: 'compacted', removed: 1, duplicates: 10, lines: 50 });
    expect((await it.segments()).map(({ key }) => key)).toEqual([
      '2026/11/20/twitch/xqc/twitch_xqc_20261120_0000-day.jsonl.zst',
    ]);
  });

  it('stay where they are to be kept, and are not merged again', async () => {
    await using it = await archive();
    await archiveLines(it.store, recorded(6, 200));
    const hours = (await it.segments()).length;
    const first = await it.compact({ keepSources: true });
    expect((await it.segments()).filter(({ isDay }) => !isDay)).toHaveLength(hours);
    const again = await it.compact({
      keepSources: true,
      tools: { onStep: (step) => expect(step).toBe('removed') },
    });
    expect(again.days.map(({ outcome }) => outcome)).toEqual(first.days.map(() => 'unchanged'));
    await it.compact();
    expect((await it.segments()).every(({ isDay }) => isDay)).toBe(true);
  });

  it('are looked at only where they are asked for, and over for long enough', async () => {
    await using it = await archive();
    for (const channel of ['xqc', 'lirik'])
      for (const days of [0, 1])
        await putSegment(it.store, { ...ofXqc(DAY + days * DAY_MS), channel }, [
          said(DAY + days * DAY_MS, { channel }),
        ]);
    const selection = { ...EVERYTHING, channels: ['xqc'] };
    const report = await it.compact({ selection, endedBeforeMs: DAY + DAY_MS });
    expect(report.days).toMatchObject([{ channel: 'xqc', day: '2026-11-20', outcome: 'compacted' }]);
    expect(report.waiting).toBe(1);
    expect((await it.segments()).map(({ isDay }) => isDay)).toEqual([false, true, false, false]);
  });

  it('are counted and left alone by a dry run', async () => {
    await using it = await archive();
    await archiveLines(it.store, recorded(7, 100));
    const before = await it.segments();
    const report = await it.compact({ dryRun: true });
    expect(new Set(report.days.map(({ outcome }) => outcome))).toEqual(new Set(['would compact']));
    expect(report.days.reduce((sum, { objectsBefore }) => sum + objectsBefore, 0)).toBe(before.length);
    expect(await it.segments()).toEqual(before);
  });
});

describe('whoever keeps account of a day', () => {
  it('is told before anything is removed, and once more when it is', async () => {
    await using it = await archive();
    for (const channel of ['xqc', 'lirik'])
      await putSegment(it.store, { ...ofXqc(DAY + HOUR_MS), channel }, [said(DAY + HOUR_MS, { channel })]);
    const told: [string[], number][] = [];
    await it.compact({
      onMade: async (_day, made, gone) => {
        const hours = (await it.segments()).filter(({ isDay }) => !isDay).length;
        told.push([made.map(({ object }) => object.channel), gone.size + hours]);
      },
    });
    expect(told).toEqual([
      [['lirik', 'xqc'], 4],
      [['lirik', 'xqc'], 2],
    ]);
  });

  it('keeps the hours where they are when it cannot be told', async () => {
    await using it = await archive();
    await putSegment(it.store, ofXqc(DAY + HOUR_MS), [said(DAY + HOUR_MS)]);
    const report = await compactAll(it.store, { onMade: () => Promise.reject(new Error('storage is away')) });
    expect(report.days).toMatchObject([{ outcome: 'failed', error: { message: 'storage is away' } }]);
    expect((await it.segments()).map(({ isDay }) => isDay)).toEqual([true, false]);
  });
});

describe('before anything is removed', () => {
  const twoHours = async (store: ObjectStore) => {
    for (const hour of [1, 2])
      await putSegment(store, ofXqc(DAY + hour * HOUR_MS), [
        said(DAY + hour * HOUR_MS),
        said(DAY + hour * HOUR_MS + 1),
      ]);
  };

  it('the object is read back: one that comes back otherwise stands for nothing', async () => {
    await using it = await archive();
    await twoHours(it.store);
    const report = await compactAll(it.store, {
      tools: {
        onStep: async (step) => {
          if (step !== 'read back') return;
          const path = it.directory.join('2026/11/20/twitch/xqc/twitch_xqc_20261120_0000-day.jsonl.zst');
          const bytes = await readFile(path);
          bytes[20]! ^= 1;
          await writeFile(path, bytes);
        },
      },
    });
    expect(report.days).toMatchObject([{ outcome: 'failed', error: { code: 'object_corrupt' } }]);
    const keys = await it.keys();
    expect(keys.filter((key) => /_0[12]00\.jsonl/.test(key))).toHaveLength(2);
    expect(keys.filter((key) => key.includes('.sources-'))).toEqual([]);
    // As long as it lies there, the day is as it is.
    expect((await compactAll(it.store)).days).toMatchObject([{ outcome: 'failed' }]);
    await it.store.remove(keys.find((key) => key.includes('-day'))!, never);
    await it.compact();
    expect((await it.segments()).map(({ lines }) => lines.length)).toEqual([4]);
  });

  it('the object is looked at again: where it went away meanwhile, everything stays', async () => {
    await using it = await archive();
    await twoHours(it.store);
    const [day] = (
      await it.compact({
        tools: {
          onStep: async (step, key) => {
            if (step === 'manifest') await it.store.remove(key, never);
          },
        },
      })
    ).days;
    expect(day).toMatchObject({ removed: 0, changed: [expect.any(String), expect.any(String)] });
    expect((await it.segments()).map(({ isDay, lines }) => [isDay, lines.length])).toEqual([
      [false, 2],
      [false, 2],
    ]);
    await it.compact();
    expect((await it.segments()).map(({ lines }) => lines.length)).toEqual([4]);
  });

  it('a source is looked at again: one that was rewritten meanwhile stays, for the next run', async () => {
    await using it = await archive();
    await twoHours(it.store);
    const late = said(DAY + HOUR_MS + 7);
    const [day] = (
      await it.compact({
        tools: {
          onStep: async (step, key) => {
            if (step !== 'remove' || !key.includes('_0100')) return;
            await it.store.remove(key, never);
            await putSegment(it.store, ofXqc(DAY + HOUR_MS), [said(DAY + HOUR_MS), late]);
          },
        },
      })
    ).days;
    expect(day).toMatchObject({ removed: 1, changed: [expect.stringContaining('_0100')] });
    await it.compact();
    const [object, ...others] = await it.segments();
    expect(others).toEqual([]);
    expect(object!.key).toContain('-day-2');
    expect(object!.lines).toContain(late);
    expect(object!.lines).toHaveLength(5);
  });

  it('what somebody else made of the day is taken into account', async () => {
    await using it = await archive();
    await twoHours(it.store);
    let isFirst = true;
    await it.compact({
      tools: {
        onStep: async (step) => {
          if (step !== 'put' || !isFirst) return;
          isFirst = false;
          // With an hour that was not there yet.
          await putSegment(it.store, ofXqc(DAY + 3 * HOUR_MS), [said(DAY + 3 * HOUR_MS)]);
          await compactAll(it.store);
        },
      },
    });
    expect((await it.segments()).map(({ lines }) => lines.length)).toEqual([5]);
  });
});

describe('lines that are not as they should be', () => {
  it('are kept: what is no JSON, has no time, or is of another hour or day', async () => {
    await using it = await archive();
    const hour = (index: number) => DAY + index * HOUR_MS;
    const odd = ['{"torn', 'nothing at all', '{"no":"time"}', '[1,2]', '"text"', '{"torn', '\u0000\u0001'];
    const texts = [
      [odd[0]!, said(hour(1)), odd[1]!, said(hour(1) + 5), odd[5]!],
      [said(hour(9) + 1), odd[2]!, odd[3]!, said(hour(2) + 1), said(hour(2) + 7)],
      [said(DAY + 3 * DAY_MS), said(hour(5)), odd[6]!, said(DAY - DAY_MS), odd[4]!, said(hour(5) + 1)],
    ];
    for (const [index, lines] of texts.entries())
      await putBare(it.directory.path, hour([1, 2, 5][index]!), lines.join('\n') + (index === 1 ? '' : '\n'));
    const [day] = (await it.compact()).days;
    expect(day).toMatchObject({ outcome: 'compacted', unreadable: 7 });
    const [object] = await it.segments();
    expect(object!.lines.toSorted()).toEqual(texts.flat().toSorted());
    const times = object!.lines.flatMap((line) => /"timestamp":"(2026-11-20[^"]*)"/.exec(line)?.[1] ?? []);
    expect(times).toEqual(times.toSorted());
    // The same again, beside what it was made of: nothing is doubled.
    for (const [index, lines] of texts.entries())
      await putBare(it.directory.path, hour([1, 2, 5][index]!), `${lines.join('\n')}\n`);
    await it.compact();
    expect((await it.segments()).map(({ lines }) => lines)).toEqual([object!.lines]);
  });

  it('stop the day where an object is damaged: nothing of it goes, and other days go on', async () => {
    await using it = await archive();
    for (const [index, channel] of ['a', 'b', 'c', 'd'].entries())
      for (const hour of [1, 2])
        await putSegment(it.store, { ...ofXqc(DAY + hour * HOUR_MS), channel }, [
          said(DAY + hour * HOUR_MS + index, { channel }),
        ]);
    const path = (channel: string) =>
      it.directory.join(`2026/11/20/twitch/${channel}/twitch_${channel}_20261120_0100.jsonl.zst`);
    const bytes = await readFile(path('b'));
    bytes[bytes.length - 6]! ^= 0x40;
    await writeFile(path('b'), bytes);
    await writeFile(path('c'), bytes.subarray(0, bytes.length - 10));
    const report = await compactAll(it.store);
    expect(report.days.map(({ channel, outcome }) => `${channel} ${outcome}`).toSorted()).toEqual([
      'a compacted',
      'b failed',
      'c failed',
      'd compacted',
    ]);
    expect(report.days.flatMap(({ error }) => error?.code ?? [])).toEqual([
      'object_corrupt',
      'object_corrupt',
    ]);
    expect((await it.keys()).filter((key) => /\/[bc]\//.test(key))).toHaveLength(4);
  });
});

/** As another program, or a store that drops metadata, leaves it. */
async function putBare(directory: string, startMs: number, text: string): Promise<void> {
  const hour = new Date(startMs).toISOString().slice(11, 13);
  const path = `${directory}/2026/11/20/twitch/xqc`;
  await mkdir(path, { recursive: true });
  await writeFile(`${path}/twitch_xqc_20261120_${hour}00.jsonl`, text);
}
