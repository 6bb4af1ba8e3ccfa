import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { modelLines } from '../../../test/support/archive-model.ts';
import { archiveLines, putDay, putSegment } from '../../../test/support/archive-objects.ts';
import { indexLines, seededRandom } from '../../../test/support/index-lines.ts';
import { tempDir } from '../../../test/support/temp-dir.ts';
import type { ChatEvent } from '../../event.ts';
import type { Decision } from '../../privacy/decision.ts';
import { makeDecision, personDigests } from '../../privacy/decision.ts';
import { createDirectoryObjectStore } from '../../storage/directory-object-store.ts';
import { lineAt } from '../scan/line-batch.ts';
import { type Findings, Scanner } from '../scan/scanner.ts';
import { WorkerPool } from '../scan/worker-pool.ts';
import { EVERYTHING, type Selection, selectedDays } from '../selection.ts';
import { mergedLines } from './merged-lines.ts';
import type { MergeLimits } from './plan-sources.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 10, 20);
const signal = new AbortController().signal;
const eventOf = (line: string) => JSON.parse(line) as ChatEvent;

interface ReadOptions {
  decisions?: Decision[];
  limits?: MergeLimits;
  heldBytes?: number;
}

async function archive() {
  const directory = await tempDir('archive');
  const store = await createDirectoryObjectStore(directory.path);
  const read = async (
    selection: Partial<Selection> = {},
    { decisions = [], limits, heldBytes }: ReadOptions = {},
  ): Promise<{ lines: string[]; findings: Findings }> => {
    await using pool = new WorkerPool({ size: 2, decisions });
    const chosen = { ...EVERYTHING, ...selection };
    const scanner = new Scanner({ store, pool, selection: chosen, signal, ...(heldBytes && { heldBytes }) });
    const lines: string[] = [];
    for await (const batch of mergedLines(selectedDays(store, chosen, signal), scanner, limits))
      for (const index of batch.times.keys()) lines.push(lineAt(batch, index).toString());
    return { lines, findings: scanner.findings };
  };
  return { directory, store, read, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

/** What several recorders have of some channels over days, each in the order in which it came. */
function recorded(seed: number, lines = 700): string[][] {
  const random = seededRandom(seed);
  const all = indexLines({ seed, lines, startMs: START_MS, spanMs: 28 * HOUR_MS });
  return [all, all.filter(() => random(3) === 0)];
}

describe('the lines of an archive', () => {
  it('come in one order, each once, whatever recorders and compressions they are of', async () => {
    await using it = await archive();
    const recorders = recorded(1);
    const compressions = ['zstd', 'gzip', 'none'] as const;
    const segments = await archiveLines(it.store, recorders, (index) => compressions[index % 3]!);
    const model = modelLines(segments.map(({ lines }) => lines));
    const { lines, findings } = await it.read();
    expect(lines).toEqual(model);
    const read = recorders.flat();
    expect(findings).toMatchObject({
      lines: read.length,
      linesBytes: Buffer.byteLength(read.join('\n')) + 1,
      duplicates: read.length - model.length,
      ...{ unreadable: 0, misplaced: 0, damaged: [], missing: [] },
    });
  });

  it('come once where a day object stands beside its hours, and where nothing fits into memory', async () => {
    await using it = await archive();
    const segments = await archiveLines(it.store, recorded(2));
    const days = Map.groupBy(modelLines(segments.map(({ lines }) => lines)), (line) => {
      const { platform, channel, timestamp } = eventOf(line);
      return `${platform} ${channel} ${timestamp.slice(0, 10)}`;
    });
    const model = modelLines(segments.map(({ lines }) => lines));
    for (const [name, lines] of days) if (!name.startsWith('twitch xqc')) await putDay(it.store, lines);
    expect((await it.read()).lines).toEqual(model);
    const limits = { streamBytes: 0, stretchBytes: 0, aheadBytes: 0 };
    expect((await it.read({}, { limits, heldBytes: 4_096 })).lines).toEqual(model);
    const some = { streamBytes: 13 * 1024 ** 2, stretchBytes: 600_000, aheadBytes: 1_000_000 };
    expect((await it.read({}, { limits: some, heldBytes: 20_000 })).lines).toEqual(model);
  });

  it('are those of the channels, times and people asked for', async () => {
    await using it = await archive();
    const segments = (await archiveLines(it.store, recorded(3))).map(({ lines }) => lines);
    const fromMs = START_MS + 10.25 * HOUR_MS;
    const toMs = START_MS + 31.75 * HOUR_MS;
    const inRange = (_: ChatEvent, timeMs: number) => timeMs >= fromMs && timeMs < toMs;
    expect((await it.read({ fromMs, toMs })).lines).toEqual(modelLines(segments, inRange));
    const { channel, platform, username } = eventOf(segments[0]![0]!);
    expect((await it.read({ channels: [channel], platforms: [platform] })).lines).toEqual(
      modelLines(segments, (event) => event.channel === channel && event.platform === platform),
    );
    const login = username.toLowerCase();
    const isOf = ({ username, target, type }: ChatEvent) =>
      username.toLowerCase() === login || (type !== 'presence' && target?.toLowerCase() === login);
    expect((await it.read({ users: [{ id: undefined, logins: [login] }] })).lines).toEqual(
      modelLines(segments, isOf),
    );
  });

  it('leave out people who opted out', async () => {
    await using it = await archive();
    const segments = (await archiveLines(it.store, recorded(4))).map(({ lines }) => lines);
    const { platform, user_id } = eventOf(segments.flat().find((line) => eventOf(line).user_id !== '')!);
    const user = personDigests(platform, user_id, []);
    const decision = makeDecision({ kind: 'opt_out', platform, by: 'test', user }, Date.now());
    const { lines } = await it.read({}, { decisions: [decision] });
    const of = (line: string) => {
      const event = eventOf(line);
      return event.platform === platform && [event.user_id, event.target_user_id].includes(user_id);
    };
    const model = modelLines(segments);
    expect(model.some(of)).toBe(true);
    expect(lines.some(of)).toBe(false);
    expect(lines.filter((line) => model.includes(line)).length).toBeGreaterThan(model.length / 3);
  });

  it('come also where they are no JSON, or of another hour than their object: where they stand, and counted', async () => {
    await using it = await archive();
    const line = (ms: number, id: string) =>
      JSON.stringify({
        timestamp: new Date(START_MS + ms).toISOString(),
        channel: 'a',
        platform: 'twitch',
        id,
      });
    const [first, second, early] = [line(1_000, '1'), line(2_000, '2'), line(-5_000, '0')];
    const key = await putSegment(it.store, { platform: 'twitch', channel: 'a', startMs: START_MS }, [
      ...[second, first, early],
    ]);
    const torn = `${first}\nno JSON\n${second}\n${early}\n\nlast`;
    await writeFile(`${it.directory.path}/${key.replace('.zst', '')}`, torn);
    const { lines, findings } = await it.read();
    expect(lines).toEqual([early, 'last', first, 'no JSON', second]);
    expect(findings).toMatchObject({ unreadable: 3, misplaced: 2 });
  });
});

describe('objects too large to be held', () => {
  it('come in pieces, hours and days alike', async () => {
    await using it = await archive();
    const filler = 'x'.repeat(2_000);
    const long = (hour: number, channel: string) =>
      indexLines({
        seed: hour,
        lines: 2_500,
        startMs: START_MS + hour * HOUR_MS,
        spanMs: HOUR_MS - 1_000,
      }).map((line) => JSON.stringify({ ...eventOf(line), platform: 'twitch', channel, tags: { filler } }));
    const segments = await archiveLines(it.store, [[...long(1, 'a'), ...long(2, 'a')]], () => 'none');
    const day = modelLines([[...long(3, 'b'), ...long(4, 'b')]]);
    const place = { platform: 'twitch', channel: 'b', startMs: START_MS, suffix: '-day' };
    await putSegment(it.store, { ...place, compression: 'none' }, day);
    const model = modelLines([...segments.map(({ lines }) => lines), day]);
    const { lines, findings } = await it.read({}, { heldBytes: 2 * 1024 ** 2 });
    expect(lines.length).toBe(model.length);
    expect(lines.every((line, index) => line === model[index])).toBe(true);
    expect(findings).toMatchObject({ damaged: [], misplaced: 0 });
  });
});

describe('objects that are not as they were', () => {
  it('are named, and give what can be read of them', async () => {
    await using it = await archive();
    const lines = indexLines({ seed: 6, lines: 3_000, startMs: START_MS, spanMs: HOUR_MS / 2 })
      .map(eventOf)
      .map((event) => JSON.stringify({ ...event, platform: 'twitch', channel: 'a' }));
    const place = { platform: 'twitch', channel: 'a', startMs: START_MS };
    const cut = await putSegment(it.store, place, lines);
    const flipped = await putSegment(
      it.store,
      { ...place, suffix: '-2', compression: 'none' },
      lines.slice(0, 50),
    );
    const gone = await putSegment(it.store, { ...place, suffix: '-3' }, lines);
    const cutBytes = await readFile(it.directory.join(cut));
    await writeFile(it.directory.join(cut), cutBytes.subarray(0, cutBytes.length * 0.6));
    const text = (await readFile(it.directory.join(flipped), 'utf8')).replace(
      '"channel":"a"',
      '"channel":"b"',
    );
    await writeFile(it.directory.join(flipped), text);
    it.store.open = async (...[key, abort]: Parameters<typeof it.store.open>) => {
      if (key === gone) await it.store.remove(key, abort);
      return Object.getPrototypeOf(it.store).open.call(it.store, key, abort);
    };
    const { lines: read, findings } = await it.read();
    expect(findings.missing).toEqual([gone]);
    expect(findings.damaged.map(({ key }) => key).sort()).toEqual([cut, flipped].sort());
    expect(read.length).toBeGreaterThan(200);
    expect(read.every((line) => lines.includes(line) || line.includes('"channel":"b"'))).toBe(true);
  });
});
