import { mkdir, readFile, stat, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { collect, sampleLines, writeObjectBody } from '../../test/support/segments.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { createDirectoryObjectStore } from './directory-object-store.ts';
import { testObjectStore } from './object-store.contract.ts';
import { toMetadata } from './segment-metadata.ts';

const key = '2026/11/21/twitch/xqc/twitch_xqc_20261121_1300.jsonl.zst';
const never = new AbortController().signal;

testObjectStore(async () => {
  const directory = await tempDir('archive');
  return createDirectoryObjectStore(directory.join('root'));
});

test('an object in the same file system is a link to the segment, which takes no further disk', async () => {
  await using directory = await tempDir();
  const store = await createDirectoryObjectStore(directory.join('root'));
  const body = await writeObjectBody(directory.join('body'), sampleLines(50));
  await store.put(key, body, never);
  expect((await stat(directory.join('root', key))).ino).toBe((await stat(body.path)).ino);
});

test('the description lies beside the objects in a hidden tree that listing leaves out', async () => {
  await using directory = await tempDir();
  const store = await createDirectoryObjectStore(directory.join('root'));
  const body = await writeObjectBody(directory.join('body'), sampleLines(50));
  await store.put(key, body, never);
  const text = await readFile(directory.join('root/.chatlog/meta', `${key}.json`), 'utf8');
  expect(JSON.parse(text)['chatlog-lines-sha256']).toBe(body.description.linesSha256);
});

test('an object whose description was lost is recognised by its bytes', async () => {
  await using directory = await tempDir();
  const store = await createDirectoryObjectStore(directory.join('root'));
  const body = await writeObjectBody(directory.join('body'), sampleLines(50));
  await store.put(key, body, never);
  await writeFile(directory.join('root/.chatlog/meta', `${key}.json`), '{"half');
  expect(await store.put(key, body, never)).toBe('created');
  const other = await writeObjectBody(directory.join('other'), sampleLines(50, 'b'));
  expect(await store.put(key, other, never)).toBe('conflict');
});

test('of two who put other lines under one key at once, the one who creates it describes it', async () => {
  await using directory = await tempDir();
  const roots = [directory.join('root'), directory.join('root')];
  const stores = await Promise.all(roots.map(createDirectoryObjectStore));
  const bodies = await Promise.all(
    ['a', 'b'].map((seed) => writeObjectBody(directory.join(seed), sampleLines(50, seed))),
  );
  for (let round = 0; round < 50; round++) {
    const other = key.replace('_1300', `_13${String(round).padStart(2, '0')}`);
    const outcomes = await Promise.all(stores.map((store, index) => store.put(other, bodies[index]!, never)));
    expect(outcomes.toSorted()).toEqual(['conflict', 'created']);
    const winner = bodies[outcomes.indexOf('created')]!;
    expect((await stores[0]!.head(other, never))?.description).toEqual(winner.description);
    expect((await collect(stores[0]!.get(other, never))).equals(await readFile(winner.path))).toBe(true);
  }
});

test('a put that died before it described its object is finished by the next one', async () => {
  await using directory = await tempDir();
  const store = await createDirectoryObjectStore(directory.join('root'));
  const body = await writeObjectBody(directory.join('body'), sampleLines(50));
  await store.put(key, body, never);
  await unlink(directory.join('root/.chatlog/meta', `${key}.json`));
  expect(await store.put(key, body, never)).toBe('created');
  expect((await store.head(key, never))?.description).toEqual(body.description);
});

test('a description left by a put that died does not stand for another object', async () => {
  await using directory = await tempDir();
  const store = await createDirectoryObjectStore(directory.join('root'));
  const dead = await writeObjectBody(directory.join('dead'), sampleLines(9, 'dead'));
  await store.put(key, dead, never);
  await unlink(directory.join('root', key));
  expect(await store.head(key, never)).toBeUndefined();
  const body = await writeObjectBody(directory.join('body'), sampleLines(50));
  expect(await store.put(key, body, never)).toBe('created');
  expect((await store.head(key, never))?.description).toEqual(body.description);
});

test.each([
  '../outside',
  'a/../../outside',
  '/etc/passwd',
  'a//b',
  '',
  '.',
  '..',
  'a/./b',
  'a\0b',
  'a\\..\\b',
  '.chatlog/meta/x',
])('the key %j is refused', async (bad) => {
  await using directory = await tempDir();
  const store = await createDirectoryObjectStore(directory.join('root'));
  const body = await writeObjectBody(directory.join('body'), sampleLines(1));
  await expect(store.put(bad, body, never)).rejects.toMatchObject({ code: 'key_invalid' });
  await expect(store.head(bad, never)).rejects.toMatchObject({ code: 'key_invalid' });
});

test.each(['before', 'after'])(
  'a replacement that died %s its rename describes what is there',
  async (when) => {
    await using directory = await tempDir();
    const store = await createDirectoryObjectStore(directory.join('root'));
    const old = await writeObjectBody(directory.join('old'), sampleLines(50, 'old'));
    const next = await writeObjectBody(directory.join('next'), sampleLines(50, 'next'));
    await store.put(key, when === 'before' ? old : next, never);
    const metadata = { ...toMetadata(old.description), next: toMetadata(next.description) };
    await writeFile(directory.join('root/.chatlog/meta', `${key}.json`), JSON.stringify(metadata));
    const there = when === 'before' ? old : next;
    expect(await store.head(key, never)).toEqual({
      bytes: there.description.objectBytes,
      description: there.description,
    });
    expect(await store.replace(key, next, old.description.objectSha256, never)).toBe('replaced');
    expect((await store.head(key, never))?.description).toEqual(next.description);
    expect((await readFile(directory.join('root', key))).equals(await readFile(next.path))).toBe(true);
  },
);

test('a replaced object no longer shares its bytes with the segment that it was linked to', async () => {
  await using directory = await tempDir();
  const store = await createDirectoryObjectStore(directory.join('root'));
  const old = await writeObjectBody(directory.join('old'), sampleLines(50, 'old'));
  const next = await writeObjectBody(directory.join('next'), sampleLines(40, 'next'));
  await store.put(key, old, never);
  await store.replace(key, next, old.description.objectSha256, never);
  const object = await stat(directory.join('root', key));
  expect([(await stat(old.path)).ino, (await stat(next.path)).ino]).not.toContain(object.ino);
});

test('copies that were left half-written a day ago are swept', async () => {
  await using directory = await tempDir();
  const store = await createDirectoryObjectStore(directory.join('root'));
  const old = directory.join('root/.chatlog/tmp/old');
  const fresh = directory.join('root/.chatlog/tmp/fresh');
  await writeFile(old, 'x');
  await writeFile(fresh, 'x');
  const yesterday = new Date(Date.now() - 25 * 3_600_000);
  await utimes(old, yesterday, yesterday);
  expect(await store.sweep?.(never)).toBe(1);
  await expect(stat(old)).rejects.toMatchObject({ code: 'ENOENT' });
  await stat(fresh);
});

test('a copy whose source is not what was described is not made', async () => {
  await using directory = await tempDir();
  // Another file system (where there is one) cannot be linked to: the bytes are copied, and checked on the way.
  const shm = await stat('/dev/shm').catch(() => undefined);
  if (!shm || shm.dev === (await stat(directory.path)).dev) return;
  const path = `/dev/shm/chatlog-test-${process.pid}`;
  const store = await createDirectoryObjectStore(directory.join('root'));
  try {
    const body = await writeObjectBody(path, sampleLines(50));
    expect(await store.put(key, body, never)).toBe('created');
    expect((await readFile(directory.join('root', key))).equals(await readFile(path))).toBe(true);
    const other = key.replace('1300', '1400');
    const wrong = { ...body, description: { ...body.description, objectSha256: '0'.repeat(64) } };
    await expect(store.put(other, wrong, never)).rejects.toMatchObject({ code: 'source_changed' });
    expect(await store.head(other, never)).toBeUndefined();
  } finally {
    await unlink(path);
  }
});

test('a directory that cannot be written is told with what to check', async () => {
  await using directory = await tempDir();
  const store = await createDirectoryObjectStore(directory.join('root'));
  const body = await writeObjectBody(directory.join('body'), sampleLines(1));
  // A file where a directory has to be: fails for root too, unlike a mode.
  await writeFile(directory.join('root/2026'), '');
  await expect(store.put(key, body, never)).rejects.toMatchObject({ retryable: true });
});

test('symbolic links are not listed as objects', async () => {
  await using directory = await tempDir();
  const store = await createDirectoryObjectStore(directory.join('root'));
  await mkdir(directory.join('root/a'));
  await symlink('/etc/passwd', directory.join('root/a/link'));
  const keys: string[] = [];
  for await (const { key: found } of store.list('', never)) keys.push(found);
  expect(keys).toEqual([]);
});
