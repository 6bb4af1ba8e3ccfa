import {
  appendFile,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import { modelLines } from '../../../test/support/archive-model.ts';
import { type ArchivedSegment, archiveLines, putSegment } from '../../../test/support/archive-objects.ts';
import { indexLines, seededRandom } from '../../../test/support/index-lines.ts';
import { chatlog } from '../../../test/support/run-command.ts';
import { tempDir } from '../../../test/support/temp-dir.ts';
import type { ChatEvent } from '../../event.ts';
import { createDirectoryObjectStore } from '../../storage/directory-object-store.ts';
import { WorkerPool } from '../scan/worker-pool.ts';
import { EVERYTHING, type Selection } from '../selection.ts';
import { surveyArchive } from '../survey.ts';
import { readCheckpoint } from './checkpoint.ts';
import { lockFile } from './lock-file.ts';
import { pullToDirectory, wholeDays } from './pull-directory.ts';
import { pullToFile } from './pull-file.ts';
import type { PullOptions, PullResult } from './pull-options.ts';
import { pullToStream } from './pull-stream.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 10, 20);
const eventOf = (line: string) => JSON.parse(line) as ChatEvent;

async function archive(seed: number, lines = 400) {
  const directory = await tempDir('pull');
  const store = await createDirectoryObjectStore(directory.join('archive'));
  const random = seededRandom(seed);
  const all = indexLines({ seed, lines, startMs: START_MS, spanMs: 28 * HOUR_MS });
  const segments = await archiveLines(store, [all, all.filter(() => random(3) === 0)]);
  const pulling = async <T>(
    work: (options: PullOptions, said: string[]) => Promise<T>,
    {
      selection: part = {},
      ...options
    }: Partial<Omit<PullOptions, 'selection'>> & { selection?: Partial<Selection> } = {},
  ): Promise<T> => {
    await using pool = new WorkerPool({ size: 2 });
    const { signal } = new AbortController();
    const selection = { ...EVERYTHING, ...part };
    const survey = await surveyArchive(store, wholeDays(selection), signal);
    const said: string[] = [];
    const whole: PullOptions = {
      ...{ store, pool, selection, survey, signal, decisions: [] },
      ...{ format: 'jsonl', compress: 'none', isForced: false, isStrict: false },
      ...{ onBytes() {}, onObjects() {}, say: (text) => said.push(text) },
      ...options,
    };
    return await work(whole, said);
  };
  return {
    ...{ directory, store, segments, pulling },
    path: directory.join,
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

const model = (segments: readonly ArchivedSegment[]) => modelLines(segments.map(({ lines }) => lines));
const text = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');

/** By path below the folder. */
async function filesBelow(directory: string): Promise<Map<string, string>> {
  const names = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = names.filter((name) => name.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const contents = files.map(
    async (file) => [file.slice(directory.length + 1), await readFile(file, 'utf8')] as const,
  );
  return new Map(await Promise.all(contents));
}

function modelFiles(segments: readonly ArchivedSegment[]): Map<string, string> {
  const files = Map.groupBy(model(segments), (line) => {
    const { platform, channel, timestamp } = eventOf(line);
    return `${platform}/${channel.replace('#', '%23')}/${timestamp.slice(0, 10)}.jsonl`;
  });
  return new Map([...files].map(([file, lines]) => [file, text(lines)]));
}

const STATE = '.chatlog-pull.jsonl';

describe('to a folder', () => {
  const pull = (directory: string) => (options: PullOptions) => pullToDirectory(options, directory);

  it('a file for every channel and day, each line once', async () => {
    await using it = await archive(1);
    const result = await it.pulling(pull(it.path('out')));
    const files = await filesBelow(it.path('out'));
    files.delete(STATE);
    expect(files).toEqual(modelFiles(it.segments));
    const lines = model(it.segments);
    expect(result).toMatchObject({ lines: lines.length, files: files.size, filesKept: 0, filesRefused: [] });
    expect(result.bytes).toBe(Buffer.byteLength(text(lines)));
  });

  it('goes on where it was broken off, and writes nothing twice', async () => {
    await using it = await archive(2);
    const stop = new AbortController();
    let objects = 0;
    const onObjects = (count: number) => {
      objects += count;
      if (objects > it.segments.length / 2) stop.abort(new Error('stop'));
    };
    await expect(it.pulling(pull(it.path('out')), { signal: stop.signal, onObjects })).rejects.toThrow(
      'stop',
    );
    // As a crash leaves it.
    await appendFile(it.path('out', STATE), '{"file":"twi');
    const before = await filesBelow(it.path('out'));
    const result = await it.pulling(pull(it.path('out')));
    const files = await filesBelow(it.path('out'));
    files.delete(STATE);
    expect(files).toEqual(modelFiles(it.segments));
    const complete = [...before.keys()].filter((file) => file.endsWith('.jsonl') && file !== STATE);
    expect(result.filesKept).toBe(complete.length);
    expect(await it.pulling(pull(it.path('out')))).toMatchObject({ files: 0, filesKept: files.size });
  });

  it('writes files again whose objects have changed, or that are no longer as they were', async () => {
    await using it = await archive(3);
    await it.pulling(pull(it.path('out')));
    const { platform, channel } = eventOf(it.segments[0]!.lines[0]!);
    const late = it.segments[0]!.lines.map((line) =>
      JSON.stringify({ ...eventOf(line), id: `late ${eventOf(line).id}` }),
    );
    const startMs = Math.floor(Date.parse(eventOf(late[0]!).timestamp) / HOUR_MS) * HOUR_MS;
    const key = await putSegment(it.store, { platform, channel, startMs, suffix: '-late' }, late);
    const segments = [...it.segments, { key, lines: late }];
    const [other = ''] = [...modelFiles(it.segments).keys()].filter(
      (file) => !file.includes(encodeURIComponent(channel)),
    );
    await truncate(it.path('out', other), 10);
    expect(await it.pulling(pull(it.path('out')))).toMatchObject({ files: 2, filesRefused: [] });
    const files = await filesBelow(it.path('out'));
    files.delete(STATE);
    expect(files).toEqual(modelFiles(segments));
  });

  it('leaves files alone that are not its own, unless it is forced', async () => {
    await using it = await archive(4);
    const [file = ''] = modelFiles(it.segments).keys();
    await mkdir(join(it.path('out'), file, '..'), { recursive: true });
    await writeFile(it.path('out', file), 'mine');
    expect((await it.pulling(pull(it.path('out')))).filesRefused).toEqual([it.path('out', file)]);
    expect(await readFile(it.path('out', file), 'utf8')).toBe('mine');
    expect(await it.pulling(pull(it.path('out')), { isForced: true })).toMatchObject({
      files: 1,
      filesRefused: [],
    });
    expect(await readFile(it.path('out', file), 'utf8')).toBe(modelFiles(it.segments).get(file));
    // Of other people only: not what is there.
    const selection = { users: [{ id: undefined, logins: ['ann'] }] };
    const filtered = await it.pulling(pull(it.path('out')), { selection });
    expect(filtered.filesRefused.length).toBe(modelFiles(it.segments).size);
  });

  it('reads a damaged object again with every run, until it is mended', async () => {
    await using it = await archive(9, 200);
    const object = it.path('archive', it.segments[0]!.key);
    const whole = await readFile(object);
    const flipped = Buffer.from(whole);
    flipped[flipped.length >> 1]! ^= 0xff;
    await writeFile(object, flipped);
    for (let run = 0; run < 2; run++) {
      const { findings } = await it.pulling(pull(it.path('out')));
      expect(findings.damaged).toEqual([{ key: it.segments[0]!.key, reason: expect.any(String) }]);
    }
    await writeFile(object, whole);
    const mended = await it.pulling(pull(it.path('out')));
    expect(mended).toMatchObject({ files: 1, findings: { damaged: [] } });
    const files = await filesBelow(it.path('out'));
    files.delete(STATE);
    expect(files).toEqual(modelFiles(it.segments));
  });

  it('keeps what holds more of a day than is asked for', async () => {
    await using it = await archive(5);
    await it.pulling(pull(it.path('out')));
    const selection = { fromMs: START_MS + 25 * HOUR_MS };
    expect(await it.pulling(pull(it.path('out')), { selection })).toMatchObject({ files: 0 });
    await rm(it.path('out'), { recursive: true });
    const part = await it.pulling(pull(it.path('out')), { selection });
    const whole = await it.pulling(pull(it.path('out')));
    expect(part.files).toBeGreaterThan(0);
    expect(whole.lines).toBeGreaterThan(part.lines);
  });

  it('compresses, and makes no file of nothing', async () => {
    await using it = await archive(6);
    const users = [{ id: undefined, logins: ['nobody_at_all'] }];
    expect(await it.pulling(pull(it.path('none')), { selection: { users } })).toMatchObject({
      files: 0,
      lines: 0,
    });
    expect([...(await filesBelow(it.path('none'))).keys()]).toEqual([STATE]);
    await it.pulling(pull(it.path('gz')), { compress: 'gzip' });
    for (const [file, lines] of modelFiles(it.segments))
      expect(gunzipSync(await readFile(it.path('gz', `${file}.gz`))).toString()).toBe(lines);
  });
});

describe('to a file', () => {
  const target = (path: string) => ({ path, asked: 'the same', checkpoint: undefined });

  it('everything in one order of time', async () => {
    await using it = await archive(7);
    const path = it.path('all.jsonl');
    const result = await it.pulling((options) => pullToFile(options, target(path)));
    expect(await readFile(path, 'utf8')).toBe(text(model(it.segments)));
    expect(result).toMatchObject({ lines: model(it.segments).length, files: 1 });
    expect((await readdir(it.directory.path)).sort()).toEqual(['all.jsonl', 'archive']);
    await it.pulling((options) => pullToFile(options, target(it.path('all.zst'))), { compress: 'zstd' });
    expect(zstdDecompressSync(await readFile(it.path('all.zst'))).toString()).toBe(text(model(it.segments)));
  });

  // What is wrong with an object can come to be known a moment after the last of its lines.
  it('is not gone on with from behind damage', { retry: 5 }, async () => {
    await using it = await archive(10, 1);
    const channel = 'long';
    const keys: string[] = [];
    for (let hour = 0; hour < 8; hour++) {
      const startMs = START_MS + hour * HOUR_MS;
      const lines = Array.from({ length: 10 }, (_, index) => {
        const timestamp = new Date(startMs + index).toISOString();
        return JSON.stringify({ timestamp, channel, message: 'x'.repeat(100_000), platform: 'irc-a' });
      });
      keys.push(await putSegment(it.store, { platform: 'irc-a', channel, startMs }, lines));
    }
    // Nothing takes the place of a folder: the pull fails in its end, and leaves its checkpoint.
    const path = it.path('folder.jsonl');
    await mkdir(join(path, 'x'), { recursive: true });
    let nowMs = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => {
      nowMs += 10_000;
      return nowMs;
    });
    try {
      const pulled = () => it.pulling((options) => pullToFile(options, target(path)));
      await expect(pulled()).rejects.toThrow('EISDIR');
      expect(await readCheckpoint(path)).toMatchObject({ bytes: expect.any(Number) });
      await truncate(it.path('archive', keys[0]!), (await stat(it.path('archive', keys[0]!))).size - 5);
      await expect(pulled()).rejects.toThrow('EISDIR');
      expect(await readCheckpoint(path)).toBeUndefined();
    } finally {
      clock.mockRestore();
    }
  });
});

describe('of several pulls to one file', () => {
  const pull = (directory: string, file: string) =>
    chatlog(directory, 'pull', '--archive', 'archive', '--output', file);

  it('one works, by whatever name it goes, and the others leave everything as it is', async () => {
    await using it = await archive(11, 50);
    await symlink(it.directory.path, it.path('link'));
    await writeFile(it.path('all.jsonl.part'), 'what one has written');
    await writeFile(it.path('all.jsonl.part.json'), '{}');
    {
      await using _one = await lockFile(it.path('all.jsonl'));
      await expect(lockFile(it.path('link', 'all.jsonl'))).rejects.toMatchObject({ code: 'output_in_use' });
      const other = await pull(it.directory.path, 'link/all.jsonl');
      expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('another chatlog pulls to') });
      expect(await readFile(it.path('all.jsonl.part'), 'utf8')).toBe('what one has written');
      expect(await readFile(it.path('all.jsonl.part.json'), 'utf8')).toBe('{}');
    }
    expect(await pull(it.directory.path, 'all.jsonl')).toMatchObject({ code: 0 });
    expect(await readFile(it.path('all.jsonl'), 'utf8')).toBe(text(model(it.segments)));
    expect((await pull(it.directory.path, 'all.jsonl')).stderr).toContain('is there already');
    expect((await readdir(it.directory.path)).sort()).toEqual(['all.jsonl', 'archive', 'link']);
  });
});

describe('to a stream', () => {
  it.each(['jsonl', 'csv', 'text', 'raw', 'html', 'parquet'] as const)('%s of every line', async (format) => {
    await using it = await archive(8, 300);
    const chunks: Uint8Array[] = [];
    const write = async (bytes: Uint8Array) => void chunks.push(Uint8Array.from(bytes));
    const result: PullResult = await it.pulling((options) => pullToStream(options, write), { format });
    expect(result.lines).toBe(model(it.segments).length);
    expect(Buffer.concat(chunks).length).toBe(result.bytes);
    expect(result.bytes).toBeGreaterThan(1_000);
  });
});
