import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { CORPUS_CHANNEL, corpusLines } from '../../test/support/corpus.ts';
import { archiveDay, archiveEvents, laterLine, twitchEvent } from '../../test/support/log-events.ts';
import { memoryLogger } from '../../test/support/segments.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import type { ChatEvent } from '../event.ts';
import { OPEN_GATE, type PrivacyGate } from '../privacy/privacy-gate.ts';
import { createDirectoryObjectStore } from '../storage/directory-object-store.ts';
import { ArchiveReader, type ArchiveReaderOptions } from './archive-reader.ts';
import { type ArchivedLine, type ArchiveRequest, compareLines } from './archive-request.ts';

const DAY_MS = 86_400_000;
const FROM_MS = Date.UTC(2019, 8, 15);
const REQUEST: ArchiveRequest = {
  channels: [{ platform: 'twitch', channel: CORPUS_CHANNEL }],
  fromMs: FROM_MS,
  toMs: FROM_MS + DAY_MS,
};
const EVENTS = corpusLines().slice(0, 600).map(twitchEvent);
const never = new AbortController().signal;

async function archive(...parts: ChatEvent[][]) {
  const directory = await tempDir('archive-query');
  for (const [index, events] of parts.entries())
    await archiveEvents(directory.path, events, index === 0 ? '' : `-${index + 1}`);
  const store = await createDirectoryObjectStore(directory.path);
  const log = memoryLogger();
  const reader = (options: Partial<ArchiveReaderOptions> = {}) =>
    new ArchiveReader({ store, privacy: OPEN_GATE, log, ...options });
  const hour = (events: readonly ChatEvent[], suffix: string) =>
    archiveEvents(directory.path, events, suffix);
  const day = (events: readonly ChatEvent[]) => archiveDay(directory.path, CORPUS_CHANNEL, FROM_MS, events);
  return {
    directory,
    log,
    store,
    reader,
    hour,
    day,
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

async function linesOf(
  reader: ArchiveReader,
  request: Partial<ArchiveRequest> = {},
  signal = never,
): Promise<ArchivedLine[]> {
  const lines: ArchivedLine[] = [];
  for await (const batch of reader.lines({ ...REQUEST, ...request }, signal)) lines.push(...batch);
  return lines;
}

const textsOf = (lines: readonly ArchivedLine[]) => lines.map(({ line }) => line.toString());
const sorted = (events: readonly ChatEvent[]) => events.map((event) => JSON.stringify(event)).sort();

describe('lines of the archive', () => {
  it('come byte for byte, in order of time, each once', async () => {
    await using files = await archive(EVENTS);
    const lines = await linesOf(files.reader());
    expect(textsOf(lines).sort()).toEqual(sorted(EVENTS));
    expect(lines.toSorted(compareLines)).toEqual(lines);
  });

  it('come newest first where that is asked for', async () => {
    await using files = await archive(EVENTS);
    const forward = await linesOf(files.reader());
    const backward = await linesOf(files.reader(), { reverse: true });
    expect(textsOf(backward)).toEqual(textsOf(forward).reverse());
  });

  it('come once where several instances and restarts wrote them several times', async () => {
    // Another instance received the same a little later, a restart overlaps.
    const other = EVENTS.map((event) => ({ ...event, received_at: '2019-09-15T10:00:00.000Z' }));
    await using files = await archive(EVENTS, other, EVENTS.slice(200));
    const lines = await linesOf(files.reader());
    expect(new Set(lines.map(({ key, timeMs }) => `${key} ${timeMs}`)).size).toBe(lines.length);
    expect(lines.length).toBe(EVENTS.length);
  });

  it('that are the same in every byte are two where one segment holds two', async () => {
    const join: ChatEvent = {
      timestamp: '2019-09-15T01:00:00.000Z',
      channel: CORPUS_CHANNEL,
      username: 'ann',
      user_id: '',
      message: '',
      platform: 'twitch',
      type: 'join',
      received_at: '2019-09-15T01:00:00.000Z',
    };
    await using files = await archive([join, join], [join]);
    expect(await linesOf(files.reader())).toHaveLength(2);
  });

  it.each([
    ['forward', false],
    ['backward', true],
  ])('of an hour larger than memory allows are read in parts (%s)', async (_, reverse) => {
    await using files = await archive(EVENTS.slice(0, 300), EVENTS.slice(250));
    const whole = await linesOf(files.reader(), { reverse });
    const limits = { heldBytesMax: 40_000 };
    const parts = await linesOf(files.reader({ limits }), { reverse });
    expect(textsOf(parts)).toEqual(textsOf(whole));
  });

  it.each([
    ['forward', false],
    ['backward', true],
  ])('of a day object come once, also while its hours are still there (%s)', async (_, reverse) => {
    await using hours = await archive(EVENTS);
    const expected = textsOf(await linesOf(hours.reader(), { reverse }));
    await using both = await archive(EVENTS.slice(200, 400));
    await both.day(EVENTS.slice(0, 500));
    await both.hour(EVENTS.slice(500), '-2');
    for (const limits of [{}, { heldBytesMax: 40_000 }]) {
      const reader = both.reader({ limits });
      expect(textsOf(await linesOf(reader, { reverse }))).toEqual(expected);
    }
  });

  it('of a day object are read once, however many parts they come in', async () => {
    await using files = await archive();
    const key = await files.day(EVENTS);
    const get = vi.spyOn(files.store, 'get');
    const lines = await linesOf(files.reader({ limits: { heldBytesMax: 20_000 } }));
    expect(textsOf(lines).sort()).toEqual(sorted(EVENTS));
    expect(get.mock.calls.map(([asked]) => asked)).toEqual([key]);
  });

  it('of an hour are found in the object of its day', async () => {
    await using files = await archive();
    await files.day(EVENTS);
    const times = EVENTS.map(({ timestamp }) => Date.parse(timestamp)).sort((a, b) => a - b);
    const [fromMs, toMs] = [times[200]!, times[400]!];
    const lines = await linesOf(files.reader(), { fromMs, toMs });
    expect(lines).toHaveLength(times.filter((ms) => ms >= fromMs && ms < toMs).length);
    const after = lines[100]!;
    const rest = await linesOf(files.reader(), { fromMs, toMs, after });
    expect(textsOf(rest)).toEqual(textsOf(lines.slice(101)));
    const back = await linesOf(files.reader(), { fromMs, toMs, after, reverse: true });
    expect(textsOf(back)).toEqual(textsOf(lines.slice(0, 100)).reverse());
  });

  it('of one millisecond are given together even where they are more than memory allows', async () => {
    const same = EVENTS.filter(({ id }) => id).map((event) => ({
      ...event,
      timestamp: EVENTS[0]!.timestamp,
    }));
    await using files = await archive(same);
    const lines = await linesOf(files.reader({ limits: { heldBytesMax: 1_000 } }));
    expect(textsOf(lines).sort()).toEqual(sorted(same));
  });

  it('are those of the range alone, which ends before its end', async () => {
    await using files = await archive(EVENTS);
    const [fromMs, toMs] = [EVENTS[100]!, EVENTS[400]!].map(({ timestamp }) => Date.parse(timestamp)) as [
      number,
      number,
    ];
    const lines = await linesOf(files.reader(), { fromMs, toMs });
    const expected = EVENTS.filter(({ timestamp }) => {
      const ms = Date.parse(timestamp);
      return ms >= fromMs && ms < toMs;
    });
    expect(textsOf(lines).sort()).toEqual(sorted(expected));
    expect(lines[0]!.timeMs).toBe(fromMs);
  });

  it('go on behind a line', async () => {
    await using files = await archive(EVENTS);
    const all = await linesOf(files.reader());
    const after = all[321]!;
    expect(textsOf(await linesOf(files.reader(), { after }))).toEqual(textsOf(all.slice(322)));
    const back = await linesOf(files.reader(), { after, reverse: true });
    expect(textsOf(back)).toEqual(textsOf(all.slice(0, 321)).reverse());
  });

  it('of several days and names of a channel come in one order', async () => {
    const next = corpusLines()
      .slice(0, 50)
      .map((line) => twitchEvent(laterLine(line, DAY_MS).replace(' #xqcow', ' #xqc')));
    await using files = await archive(EVENTS, next);
    const channels = [...REQUEST.channels, { platform: 'twitch', channel: 'xqc' }];
    const lines = await linesOf(files.reader(), { channels, toMs: FROM_MS + 2 * DAY_MS });
    expect(lines.toSorted(compareLines)).toEqual(lines);
    expect(lines).toHaveLength(EVENTS.length + next.length);
  });

  it('of a person are what they wrote and what happened to them', async () => {
    await using files = await archive(EVENTS);
    const user = { id: '13648152', logins: ['cecak'] };
    const lines = await linesOf(files.reader(), { user });
    const expected = EVENTS.filter((e) => e.user_id === user.id || e.target_user_id === user.id);
    expect(expected.some(({ type }) => type === 'timeout')).toBe(true);
    expect(textsOf(lines).sort()).toEqual(sorted(expected));
    const byName = await linesOf(files.reader(), { user: { id: undefined, logins: ['cecak'] } });
    expect(textsOf(byName)).toEqual(textsOf(lines));
  });

  it('are without those of people who opted out', async () => {
    await using files = await archive(EVENTS);
    const privacy: PrivacyGate = {
      ...OPEN_GATE,
      isEmpty: false,
      isUserOptedOut: (_platform, key) => key === '13648152',
    };
    const lines = await linesOf(files.reader({ privacy }));
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.filter(({ event }) => [event.user_id, event.target_user_id].includes('13648152'))).toEqual(
      [],
    );
  });
});

describe('a scan of the archive', () => {
  it('is refused where too many are under way, and not once one of them ended', async () => {
    await using files = await archive(EVENTS);
    const reader = files.reader();
    const [first, second] = [reader.lines(REQUEST, never), reader.lines(REQUEST, never)];
    await first.next();
    await second.next();
    await expect(linesOf(reader)).rejects.toMatchObject({ code: 'archive_busy', retryable: true });
    await first.return(undefined);
    expect(await linesOf(reader)).not.toEqual([]);
    await second.return(undefined);
  });

  it('waits for its turn where it may', async () => {
    await using files = await archive(EVENTS);
    const reader = files.reader({ limits: { scansMax: 1 } });
    const first = reader.lines(REQUEST, never);
    await first.next();
    const gone = new AbortController();
    const impatient = linesOf(reader, { waits: true }, gone.signal);
    const patient = linesOf(reader, { waits: true });
    gone.abort(new Error('gone'));
    await expect(impatient).rejects.toThrow('gone');
    await first.return(undefined);
    expect(await patient).toHaveLength(EVENTS.length);
    expect(await linesOf(reader)).toHaveLength(EVENTS.length);
  });

  it('of too many objects or bytes is refused before anything is read', async () => {
    await using files = await archive(EVENTS, EVENTS.slice(0, 10));
    const refusal = { code: 'archive_too_much' };
    await expect(linesOf(files.reader({ limits: { objectsMax: 1 } }))).rejects.toMatchObject(refusal);
    await expect(linesOf(files.reader({ limits: { objectBytesMax: 10 } }))).rejects.toMatchObject(refusal);
  });

  it('ends at once when it is aborted, also between two batches', async () => {
    await using files = await archive(EVENTS);
    const abort = new AbortController();
    const lines = files.reader().lines(REQUEST, abort.signal);
    await lines.next();
    abort.abort(new Error('gone'));
    await expect(lines.next()).rejects.toThrow('gone');
  });

  it('that takes too long is broken off', async () => {
    await using files = await archive(EVENTS);
    const lines = files.reader({ limits: { scanMs: 1 } });
    const all = async () => {
      for (;;) await linesOf(lines);
    };
    await expect(all()).rejects.toMatchObject({ code: 'archive_timeout' });
  });

  it('passes over objects that are damaged, and says so', async () => {
    await using files = await archive(EVENTS, EVENTS.slice(0, 20));
    const path = join(files.directory.path, '2019/09/15/twitch/xqcow/twitch_xqcow_20190915_0000.jsonl.zst');
    await truncate(path, (await readFile(path)).length >> 1);
    const lines = await linesOf(files.reader());
    expect(lines.length).toBeGreaterThanOrEqual(20);
    expect(files.log.lines.map(({ message }) => message)).toContain(
      'an object of the archive was passed over by a query',
    );
  });

  it('passes over what is no line', async () => {
    await using files = await archive(EVENTS.slice(0, 1));
    const path = join(files.directory.path, '2019/09/15/twitch/xqcow/twitch_xqcow_20190915_0000-9.jsonl');
    await writeFile(path, 'null\n[]\n{"timestamp":1}\n{}\nnonsense\n{"timestamp":"x","platform":"twitch"}\n');
    expect(await linesOf(files.reader())).toHaveLength(1);
  });

  it('of a time without objects is empty', async () => {
    await using files = await archive(EVENTS);
    expect(await linesOf(files.reader(), { fromMs: 0, toMs: DAY_MS })).toEqual([]);
    expect(await linesOf(files.reader(), { fromMs: FROM_MS, toMs: FROM_MS })).toEqual([]);
  });
});
