import { describe, expect, it } from 'vitest';
import { modelLines } from '../../../test/support/archive-model.ts';
import { archiveLines, putDay, putSegment } from '../../../test/support/archive-objects.ts';
import { indexLines, seededRandom } from '../../../test/support/index-lines.ts';
import { tempDir } from '../../../test/support/temp-dir.ts';
import type { ChatEvent } from '../../event.ts';
import { type Decision, makeDecision, personDigests } from '../../privacy/decision.ts';
import { createDirectoryObjectStore } from '../../storage/directory-object-store.ts';
import type { StoredSegment } from '../../storage/read-segment.ts';
import { type LineBatch, lineAt } from '../scan/line-batch.ts';
import { Scanner } from '../scan/scanner.ts';
import { WorkerPool } from '../scan/worker-pool.ts';
import { EVERYTHING, type Selection, selectedDays } from '../selection.ts';
import { daysBackwards, linesBackwards } from './backwards.ts';
import { withContext } from './context.ts';
import type { ShownLine } from './context-reader.ts';
import { separateSegments } from './hit-counter.ts';
import { searchLines } from './search-lines.ts';
import type { SearchQuery } from './search-query.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 10, 20);
const signal = new AbortController().signal;
const eventOf = (line: string) => JSON.parse(line) as ChatEvent;
const hourOf = (line: string) => Math.floor(Date.parse(eventOf(line).timestamp) / HOUR_MS);

const query = (source: string, where: SearchQuery['where'] = 'message'): SearchQuery => ({
  pattern: { kind: 'text', source, ignoreCase: true },
  where,
  types: [],
});

interface World {
  store: Awaited<ReturnType<typeof createDirectoryObjectStore>>;
  /** All lines of the archive in its order, each once. */
  model: string[];
}

/** The recorders' hours, and of some channels days beside them. */
async function world(seed: number, path: string, count = 600, recorders = 2): Promise<World> {
  const store = await createDirectoryObjectStore(path);
  const random = seededRandom(seed);
  const all = indexLines({ seed, lines: count, startMs: START_MS, spanMs: 30 * HOUR_MS });
  const some = all.filter(() => random(3) === 0);
  const segments = await archiveLines(store, recorders === 1 ? [[...all, ...some]] : [all, some]);
  const model = modelLines(segments.map(({ lines }) => lines));
  const days = Map.groupBy(model, (line) => {
    const { platform, channel, timestamp } = eventOf(line);
    return `${platform} ${channel} ${timestamp.slice(0, 10)}`;
  });
  for (const [name, lines] of days) if (name.length % 2 === 0) await putDay(store, lines);
  return { store, model };
}

async function texts(batches: AsyncIterable<LineBatch>): Promise<string[]> {
  const lines: string[] = [];
  for await (const batch of batches)
    for (const index of batch.times.keys()) lines.push(lineAt(batch, index).toString());
  return lines;
}

interface Options {
  selection?: Partial<Selection>;
  decisions?: Decision[];
  isCounted?: (segment: StoredSegment) => boolean;
}

async function searching<T>(
  { store }: World,
  search: SearchQuery,
  use: (scanner: Scanner, selection: Selection) => Promise<T>,
  { selection = {}, decisions = [], isCounted = () => false }: Options = {},
): Promise<T> {
  await using pool = new WorkerPool({ size: 2, decisions });
  const chosen = { ...EVERYTHING, ...selection };
  return await use(new Scanner({ store, pool, selection: chosen, search, isCounted, signal }), chosen);
}

const found = (of: World, search: SearchQuery, options: Options = {}) =>
  searching(
    of,
    search,
    (scanner, selection) => texts(searchLines(selectedDays(of.store, selection, signal), scanner)),
    options,
  );

const channelOf = (line: string) => `${eventOf(line).platform}/${eventOf(line).channel}`;
const says = (text: string) => (line: string) => eventOf(line).message.toLowerCase().includes(text);

describe('a search', () => {
  it('finds each event once, in order of time', async () => {
    await using directory = await tempDir('search');
    const it = await world(1, directory.path);
    for (const text of ['e', 'hello', 'nowhere'])
      expect(await found(it, query(text))).toEqual(it.model.filter(says(text)));
    const fromMs = START_MS + 7.5 * HOUR_MS;
    const toMs = START_MS + 30.25 * HOUR_MS;
    const isInRange = (line: string) => {
      const timeMs = Date.parse(eventOf(line).timestamp);
      return timeMs >= fromMs && timeMs < toMs;
    };
    expect(await found(it, query('e'), { selection: { fromMs, toMs } })).toEqual(
      it.model.filter(says('e')).filter(isInRange),
    );
  });

  it('gives the newest first, however little fits into memory', async () => {
    await using directory = await tempDir('search');
    const it = await world(2, directory.path);
    for (const heldBytes of [undefined, 2_000]) {
      const lines = await searching(it, query('e'), (scanner, selection) =>
        texts(linesBackwards(daysBackwards(it.store, selection, signal), scanner, heldBytes)),
      );
      expect(lines).toEqual(it.model.filter(says('e')).reverse());
    }
  });

  it('counts what it would find, wherever that is counted', async () => {
    await using directory = await tempDir('search');
    const it = await world(5, directory.path, 600, 1);
    const { platform, user_id } = eventOf(it.model.find((line) => eventOf(line).user_id !== '')!);
    const user = personDigests(platform, user_id, []);
    const decision = makeDecision({ kind: 'opt_out', platform, by: 'test', user }, Date.now());
    const ranges = [{}, { fromMs: START_MS + 7.5 * HOUR_MS, toMs: START_MS + 26.25 * HOUR_MS }];
    for (const selection of ranges) {
      for (const decisions of [[], [decision]]) {
        const days = await Array.fromAsync(selectedDays(it.store, { ...EVERYTHING, ...selection }, signal));
        const separate = new Set(days.flatMap(({ segments }) => separateSegments(segments)));
        const options = {
          selection,
          decisions,
          isCounted: (segment: StoredSegment) => separate.has(segment),
        };
        const { given, counted } = await searching(
          it,
          query('e'),
          async (scanner) => ({
            given: await texts(searchLines(days, scanner)),
            counted: scanner.findings.counts,
          }),
          options,
        );
        const expected = Map.groupBy(await found(it, query('e'), { selection, decisions }), channelOf);
        expect(counted.size).toBeGreaterThan(0);
        for (const line of given) counted.set(channelOf(line), (counted.get(channelOf(line)) ?? 0) + 1);
        expect(counted).toEqual(new Map([...expected].map(([channel, lines]) => [channel, lines.length])));
      }
    }
  });

  it('shows nothing of people who opted out, and finds nothing in what is not shown', async () => {
    await using directory = await tempDir('search');
    const it = await world(3, directory.path);
    const { platform, user_id, username } = eventOf(it.model.find((line) => eventOf(line).user_id !== '')!);
    const user = personDigests(platform, user_id, []);
    const decisions = [makeDecision({ kind: 'opt_out', platform, by: 'test', user }, Date.now())];
    const lines = await found(it, query('e'), { decisions });
    const isOf = (line: string) => eventOf(line).platform === platform && eventOf(line).user_id === user_id;
    expect(lines).toEqual(it.model.filter(says('e')).filter((line) => lines.includes(line)));
    expect(lines.length).toBeGreaterThan(0);
    expect(it.model.some(isOf)).toBe(true);
    expect(lines.some(isOf)).toBe(false);
    const named = await found(it, query(`"user_id":"${user_id}"`, 'line'), { decisions });
    expect(named.filter((line) => eventOf(line).platform === platform)).toEqual([]);
    expect(username).not.toBe('');
  });
});

/** Places of hits and of their neighbours in the hours beside them. */
function wantedAround(lines: readonly string[], isHit: (line: string) => boolean, count: number): number[] {
  const wanted = new Set<number>();
  for (const [hit, line] of lines.entries()) {
    if (!isHit(line)) continue;
    for (let near = Math.max(0, hit - count); near <= hit + count && near < lines.length; near++)
      if (Math.abs(hourOf(lines[near]!) - hourOf(line)) <= 1) wanted.add(near);
  }
  return [...wanted].sort((a, b) => a - b);
}

describe('context', () => {
  it('has every hit, also lines of another time than their object, or of no channel', async () => {
    await using directory = await tempDir('search');
    const store = await createDirectoryObjectStore(directory.path);
    const line = (hours: number, members: object) =>
      JSON.stringify({
        ...{ timestamp: new Date(START_MS + hours * HOUR_MS).toISOString(), channel: 'x' },
        ...{ message: 'hello', platform: 'irc-a', ...members },
      });
    const lines = [
      line(12, { message: 'before', id: '1' }),
      line(12.1, { id: '2' }),
      line(13.5, { id: 'of the next hour' }),
      line(2, { id: 'long before' }),
      line(30, { id: 'of the next day' }),
      line(12.2, { channel: undefined, id: 'of no channel' }),
      line(12.3, { message: 'after', id: '3' }),
      line(12.4, { id: '4' }),
    ];
    await putSegment(store, { platform: 'irc-a', channel: 'x', startMs: START_MS + 12 * HOUR_MS }, lines);
    const groups = await shown({ store, model: lines }, 'hello', 1);
    const hits = groups.filter(({ isHit }) => isHit).map((each) => each.line.toString());
    expect(hits.sort()).toEqual(lines.filter(says('hello')).sort());
    for (const { line, isHit, beginsGroup } of groups) {
      const { id } = eventOf(line.toString());
      if (['long before', 'of the next day', 'of no channel'].includes(id!))
        expect({ isHit, beginsGroup }).toEqual({ isHit: true, beginsGroup: true });
    }
  });

  async function shown(of: World, text: string, lines: number): Promise<ShownLine[]> {
    return searching(of, query(text), async (scanner, selection) => {
      const hits = searchLines(selectedDays(of.store, selection, signal), scanner);
      const { pool } = scanner.options;
      const context = { store: of.store, pool, selection, query: query(text), lines, signal };
      return Array.fromAsync(withContext(hits, context));
    });
  }

  it('is the lines of the channel before and after each hit, each once, in groups', async () => {
    await using directory = await tempDir('search');
    const it = await world(4, directory.path, 700);
    for (const [text, count] of [
      ['hello', 2],
      ['e', 1],
      ['e', 5],
    ] as const) {
      const groups = await shown(it, text, count);
      const places = new Map<string, number[]>();
      for (const [channel, lines] of Map.groupBy(it.model, channelOf)) {
        const wanted = wantedAround(lines, says(text), count);
        const own = groups.filter(({ line }) => channelOf(line.toString()) === channel);
        expect(own.map(({ line }) => line.toString())).toEqual(wanted.map((index) => lines[index]));
        for (const { line, isHit } of own) expect(isHit).toBe(says(text)(line.toString()));
        places.set(channel, wanted);
      }
      let before: { channel: string; place: number } | undefined;
      for (const { line, beginsGroup } of groups) {
        const channel = channelOf(line.toString());
        const place = places.get(channel)!.shift()!;
        expect(beginsGroup).toBe(before?.channel !== channel || before.place !== place - 1);
        before = { channel, place };
      }
    }
  });
});
