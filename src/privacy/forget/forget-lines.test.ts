import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { silentLog } from '../../../test/support/recorder-fixture.ts';
import { sha256 } from '../../../test/support/segments.ts';
import { tempDir } from '../../../test/support/temp-dir.ts';
import { configSchema } from '../../config/schema.ts';
import type { ChatEvent } from '../../event.ts';
import { openSpool, type Spool } from '../../spool.ts';
import { createDirectoryObjectStore } from '../../storage/directory-object-store.ts';
import { describeSegment } from '../../uploading/describe-segment.ts';
import { makeDecision, personDigests } from '../decision.ts';
import { findPerson } from './find-person.ts';
import { NOBODY_RECORDS, type SpoolKeepers } from './forget-files.ts';
import { Forgetter } from './forgetter.ts';
import { surveyForgetting } from './survey-forgetting.ts';

const never = new AbortController().signal;
const startMs = Date.UTC(2026, 10, 21, 13);
let count = 0;

/** A line of its own; `ann` is 7, `bob` is 8. */
function line(who: 'ann' | 'bob', message: string, members: Partial<ChatEvent> = {}): string {
  const event: ChatEvent = {
    timestamp: new Date(startMs + ++count * 1000).toISOString(),
    channel: 'x',
    username: who,
    user_id: who === 'ann' ? '7' : '8',
    message,
    platform: 'twitch',
    id: `01234567-89ab-4def-8123-${String(count).padStart(12, '0')}`,
    ...members,
  };
  return `${JSON.stringify(event)}\n`;
}

const hers = () =>
  line('ann', 'secret') +
  line('bob', '', { username: '', user_id: '', type: 'ban', target: 'ann', target_user_id: '7' });

async function bench(keepersOf: (spool: Spool) => SpoolKeepers = () => NOBODY_RECORDS) {
  const directory = await tempDir('forget');
  const spool = await openSpool(directory.join('data'));
  const store = await createDirectoryObjectStore(directory.join('archive'));
  const forgetter = new Forgetter({
    spool,
    keepers: keepersOf(spool),
    store,
    database: undefined,
    config: () => configSchema.parse({}),
    log: silentLog,
  });
  return {
    spool,
    store,
    forgetter,
    path: directory.join,
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
    /** Puts an object; its bytes as they lie in the directory. */
    put: async (key: string, lines: string) => {
      const path = directory.join(`body-${++count}`);
      const compression = key.endsWith('.zst') ? 'zstd' : key.endsWith('.gz') ? 'gzip' : 'none';
      const pack = { zstd: zstdCompressSync, gzip: gzipSync, none: (bytes: Buffer) => bytes }[compression];
      await writeFile(path, pack(Buffer.from(lines)));
      const description = await describeSegment(
        path,
        compression,
        { formatVersion: 1, instance: 'i' },
        never,
      );
      expect(await store.put(key, { path, description }, never)).toBe('created');
    },
    survey: () =>
      surveyForgetting({
        ...{ spool, store, database: undefined, platform: 'twitch', needles: ['7', 'ann'] },
        user: personDigests('twitch', '7', ['ann', 'Ann']),
        now: () => startMs + 3_600_000,
        signal: never,
      }),
    forget: async (needles?: string[]) => {
      const user = personDigests('twitch', '7', ['ann', 'Ann']);
      const decision = makeDecision(
        { kind: 'forget', platform: 'twitch', user, by: 'test' },
        startMs + 3_600_000,
      );
      if (needles) forgetter.hint(user, needles);
      forgetter.add(decision);
      await forgetter.carryOutAll(never);
      return forgetter.progress(decision.id)!.report;
    },
  };
}

const key = (name: string, extension = '.zst') =>
  `2026/11/21/twitch/x/twitch_x_20261121_${name}.jsonl${extension}`;

test.each([
  ['with their names', ['7', 'ann', 'Ann']],
  ['by digests alone', undefined],
])('objects lose the lines of a person and keep every other byte, %s', async (_, needles) => {
  await using it = await bench();
  const kept = line('bob', 'hello') + line('bob', 'an ordinary ann\u2028in a text');
  await it.put(key('1300'), kept + hers() + line('bob', 'hi @Ann!'));
  await it.put(key('1301', '.gz'), hers() + kept);
  await it.put(key('1302', ''), hers());
  await it.put(key('1303'), kept);
  const untouched = await stat(it.path('archive', key('1303')));
  const report = await it.forget(needles);
  expect(report).toMatchObject({ objectsSeen: 4, objectsChanged: 3, linesRemoved: 6, linesBlanked: 1 });
  const first = zstdDecompressSync(await readFile(it.path('archive', key('1300')))).toString();
  expect(first.startsWith(kept)).toBe(true);
  expect(JSON.parse(first.slice(kept.length))).toMatchObject({ message: 'hi @***!', username: 'bob' });
  const second = gunzipSync(await readFile(it.path('archive', key('1301', '.gz'))));
  expect(second.toString()).toBe(kept);
  expect((await it.store.head(key('1301', '.gz'), never))?.description).toMatchObject({
    lines: 2,
    linesSha256: sha256(Buffer.from(kept)),
    linesBytes: Buffer.byteLength(kept),
    firstTimestamp: JSON.parse(kept.split('\n')[0]!).timestamp,
    instance: 'i',
  });
  expect(await it.store.head(key('1302', ''), never)).toBeUndefined();
  const after = await stat(it.path('archive', key('1303')));
  expect([after.ino, after.mtimeMs]).toEqual([untouched.ino, untouched.mtimeMs]);
  expect(await it.forget(needles)).toMatchObject({ objectsSeen: 3, objectsChanged: 0, linesRemoved: 0 });
  expect(await readdir(it.spool.path('tmp'))).toEqual([]);
});

test('files of the local disk are rewritten wherever they lie, with mode and time, and empty ones go', async () => {
  await using it = await bench();
  const kept = line('bob', 'hello');
  const write = async (directory: Parameters<Spool['path']>[0], file: string, lines: string) => {
    const bytes = Buffer.from(lines);
    const path = it.spool.path(directory, file);
    await writeFile(path, file.endsWith('.zst') ? zstdCompressSync(bytes) : bytes, { mode: 0o555 });
    return path;
  };
  const sealed = await write('sealed', 'twitch_x_20261121_1300.jsonl', hers() + kept);
  const uploaded = await write('uploaded', 'twitch_x_20261121_1301.jsonl.zst', kept + hers());
  await write('recovered', 'twitch_x_20261121_1302.jsonl', hers());
  await write(
    'quarantine',
    'twitch_x_20261121_1303.jsonl.bad-lines',
    `{"half of a line of ann\n${kept}not JSON\n`,
  );
  await write('quarantine', 'twitch_x_20261121_1304.jsonl.zst', 'damaged');
  const before = await stat(sealed);
  expect(await it.forget(['7', 'ann'])).toMatchObject({ files: 4, linesRemoved: 7 });
  expect(await readFile(sealed, 'utf8')).toBe(kept);
  const after = await stat(sealed);
  expect([after.mode, Math.round(after.mtimeMs)]).toEqual([before.mode, Math.round(before.mtimeMs)]);
  expect(zstdDecompressSync(await readFile(uploaded)).toString()).toBe(kept);
  expect(await readdir(it.spool.path('recovered'))).toEqual([]);
  const aside = it.spool.path('quarantine', 'twitch_x_20261121_1303.jsonl.bad-lines');
  expect(await readFile(aside, 'utf8')).toBe(`${kept}not JSON\n`);
});

test('files of an embedded database that was set aside go', async () => {
  await using it = await bench();
  await mkdir(it.path('data', 'index.broken-20261121T181200Z', 'base'), { recursive: true });
  await writeFile(it.path('data', 'index.broken-20261121T181200Z', 'base', '1'), 'ann');
  await it.forget();
  expect(await readdir(it.path('data'))).not.toContain('index.broken-20261121T181200Z');
});

test('a file that moves on while it is waited for is found where it went', async () => {
  const kept = line('bob', 'hello');
  const file = 'twitch_x_20261121_1300.jsonl';
  await using it = await bench((spool) => ({
    ...NOBODY_RECORDS,
    inHand: async (_, work) => {
      await rename(spool.path('sealed', file), spool.path('uploaded', file)).catch(() => {});
      return work();
    },
  }));
  await writeFile(it.spool.path('sealed', file), hers() + kept);
  expect(await it.forget(['7', 'ann'])).toMatchObject({ files: 1, linesRemoved: 2 });
  expect(await readFile(it.spool.path('uploaded', file), 'utf8')).toBe(kept);
});

test('lines that still wait in memory are written first, and then go', async () => {
  const kept = line('bob', 'hello');
  const file = 'twitch_x_20261121_1300.jsonl';
  let waiting = hers() + kept;
  await using it = await bench((spool) => ({
    ...NOBODY_RECORDS,
    seal: async (files) => {
      if (waiting !== '') await writeFile(spool.path('open', file), waiting);
      waiting = '';
      for (const name of files) await rename(spool.path('open', name), spool.path('sealed', name));
    },
  }));
  expect(await it.forget(['7', 'ann'])).toMatchObject({ files: 1, linesRemoved: 2 });
  expect(await readFile(it.spool.path('sealed', file), 'utf8')).toBe(kept);
});

test('an object that shares its bytes with a segment of the spool is rewritten beside it', async () => {
  await using it = await bench();
  const kept = line('bob', 'hello');
  const lines = zstdCompressSync(Buffer.from(hers() + kept));
  const file = 'twitch_x_20261121_1300.jsonl.zst';
  // Put, but not yet moved to uploaded/: a crash in between. Rewritten alone it would get a second object.
  const path = it.spool.path('sealed', file);
  await writeFile(path, lines);
  const description = await describeSegment(path, 'zstd', { formatVersion: 1, instance: '' }, never);
  await it.store.put(key('1300'), { path, description }, never);
  await it.forget();
  for (const place of [path, it.path('archive', key('1300'))])
    expect(zstdDecompressSync(await readFile(place)).toString()).toBe(kept);
  const again = await describeSegment(path, 'zstd', { formatVersion: 1, instance: '' }, never);
  expect(await it.store.put(key('1300'), { path, description: again }, never)).toBe('created');
});

test('lines of a segment that lies on the disk and in storage count once, whichever way it is compressed', async () => {
  await using it = await bench();
  const lines = hers() + line('bob', 'hi @ann') + line('bob', 'hello');
  const more = hers();
  await it.put(key('1300'), lines);
  await it.put(key('1301'), more);
  const packed = zstdCompressSync(Buffer.from(lines));
  await writeFile(it.spool.path('uploaded', 'twitch_x_20261121_1300.jsonl.zst'), packed);
  await writeFile(it.spool.path('sealed', 'twitch_x_20261121_1301.jsonl'), more);
  // Not compressed to its end yet, and so in two files.
  await writeFile(it.spool.path('sealed', 'twitch_x_20261121_1302.jsonl'), more);
  await writeFile(
    it.spool.path('sealed', 'twitch_x_20261121_1302.jsonl.zst'),
    zstdCompressSync(Buffer.from(more)),
  );
  await writeFile(it.spool.path('quarantine', 'twitch_x_20261121_1300.jsonl.bad-lines'), hers());
  const expected = {
    ...{ objectsSeen: 2, objectsChanged: 2, files: 5, linesRemoved: 8, linesBlanked: 1 },
    changed: expect.arrayContaining([
      { name: 'uploaded/twitch_x_20261121_1300.jsonl.zst', removed: 2, blanked: 1 },
      { name: key('1300'), removed: 2, blanked: 1 },
      { name: 'sealed/twitch_x_20261121_1301.jsonl', removed: 2, blanked: 0 },
      { name: key('1301'), removed: 2, blanked: 0 },
    ]),
  };
  expect(await it.survey()).toMatchObject(expected);
  const done = await it.forget(['7', 'ann']);
  expect(done).toMatchObject(expected);
  expect(done.changed).toHaveLength(7);
});

test('what cannot be carried out is tried again, and what was done is not done again', async () => {
  await using it = await bench();
  await it.put(key('1300'), hers() + line('bob', 'hello'));
  await it.put(key('1301'), hers() + line('bob', 'hello'));
  const { store } = it;
  const replace = store.replace.bind(store);
  let failures = 1;
  store.replace = async (...args) => {
    if (args[0] === key('1301') && failures-- > 0) throw new Error('no network');
    return replace(...args);
  };
  await expect(it.forget()).rejects.toThrow('no network');
  await it.forgetter.carryOutAll(never);
  expect(
    (await readdir(it.spool.path('state', 'decisions'))).filter((file) => file.endsWith('.done')),
  ).toHaveLength(1);
  for (const name of ['1300', '1301'])
    expect((await store.head(key(name), never))?.description?.lines).toBe(1);
});

test('a decision that was carried out here is not taken up again by the next start', async () => {
  await using it = await bench();
  const user = personDigests('twitch', '7', ['ann']);
  const decision = makeDecision({ kind: 'forget', platform: 'twitch', user, by: 'test' }, startMs);
  await it.forgetter.resume([decision]);
  expect(it.forgetter.progress(decision.id)?.state).toBe('waiting');
  await it.forgetter.carryOutAll(never);
  await mkdir(it.spool.path('state', 'decisions'), { recursive: true });
  const next = new Forgetter({
    ...{ spool: it.spool, keepers: NOBODY_RECORDS, store: it.store, database: undefined },
    ...{ config: () => configSchema.parse({}), log: silentLog },
  });
  await next.resume([decision]);
  expect(next.progress(decision.id)).toBeUndefined();
});

test('a message that is removed for good goes with what quotes it', async () => {
  await using it = await bench();
  const id = 'abcdef01-2345-4678-9abc-def012345678';
  const other = line('bob', 'hello');
  const reply = { reply_to: id, tags: { 'reply-parent-msg-body': 'oops', 'reply-parent-user-id': '7' } };
  const deletion = {
    username: '',
    user_id: '',
    type: 'delete',
    target: 'ann',
    target_message_id: id,
  } as const;
  await it.put(
    key('1300'),
    line('ann', 'oops', { id }) + other + line('bob', 'what?', reply) + line('bob', 'oops', deletion),
  );
  const message = { key: id, channel: 'x', at: new Date(startMs).toISOString() };
  it.forgetter.add(makeDecision({ kind: 'purge_message', platform: 'twitch', message, by: 'test' }, startMs));
  await it.forgetter.carryOutAll(never);
  const after = zstdDecompressSync(await readFile(it.path('archive', key('1300')))).toString();
  expect(after.startsWith(other)).toBe(true);
  expect(after).not.toContain('oops');
  expect(after.split('\n')).toHaveLength(4);
});

test('a person is found by id and by name, with all names, and a name of two people is refused', async () => {
  await using it = await bench();
  const early = line('ann', 'a', { username: 'annie', display_name: 'Annie' });
  await it.put(key('1300'), early + line('ann', 'b') + line('ann', '', { user_id: '', type: 'join' }));
  await writeFile(
    it.spool.path('open', 'twitch_x_20261121_1301.jsonl'),
    line('bob', 'c', { username: 'annie' }),
  );
  const options = { store: it.store, spool: it.spool, database: undefined, signal: never };
  const ann = { platform: 'twitch', userKey: '7', names: ['Annie', 'ann', 'annie'] };
  expect(await findPerson('twitch', '7', options)).toEqual(ann);
  expect(await findPerson('twitch', '@Ann', options)).toEqual(ann);
  expect(await findPerson('twitch', 'id:7', options)).toEqual(ann);
  await expect(findPerson('twitch', 'annie', options)).rejects.toMatchObject({
    code: 'person_ambiguous',
    hint: expect.stringMatching(/id:7 .*id:8 |id:8 .*id:7 /),
  });
  await expect(findPerson('twitch', 'eve', options)).rejects.toMatchObject({ code: 'person_unknown' });
});
