/** What every object store has to do. Run by each adapter's test over the real thing. */
import { readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { collect, sampleLines, writeObjectBody } from '../../test/support/segments.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { compareObject } from './compare-object.ts';
import type { ObjectStore } from './object-store.ts';

/** A fresh, empty store. */
export type OpenStore = () => Promise<ObjectStore>;

const key = '2026/11/21/twitch/xqc/twitch_xqc_20261121_1300.jsonl.zst';
const never = new AbortController().signal;

export function testObjectStore(open: OpenStore): void {
  test('a put object is there with its bytes, its size and its description', async () => {
    await using directory = await tempDir();
    const store = await open();
    const body = await writeObjectBody(directory.join('body'), sampleLines(500));
    expect(await store.head(key, never)).toBeUndefined();
    expect(await store.put(key, body, never)).toBe('created');
    expect(await store.head(key, never)).toEqual({
      bytes: body.description.objectBytes,
      description: body.description,
    });
    expect(await compareObject(store, key, body.description, never)).toBe('same');
    const bytes = await collect(store.get(key, never));
    expect(bytes.equals(await readFile(body.path))).toBe(true);
    const { body: opened, ...head } = await store.open(key, never);
    expect(head).toEqual({ bytes: body.description.objectBytes, description: body.description });
    expect(bytes.equals(await collect(opened))).toBe(true);
    await expect(store.open(key.replaceAll('xqc', 'nobody'), never)).rejects.toMatchObject({
      code: 'object_missing',
    });
    store.close();
  });

  test('putting the same again changes nothing and is no conflict', async () => {
    await using directory = await tempDir();
    const store = await open();
    const body = await writeObjectBody(directory.join('body'), sampleLines(20));
    expect(await store.put(key, body, never)).toBe('created');
    expect(await store.put(key, body, never)).toBe('created');
    expect(await collectAll(list(store, ''))).toHaveLength(1);
    store.close();
  });

  test('a taken key is never overwritten', async () => {
    await using directory = await tempDir();
    const store = await open();
    const first = await writeObjectBody(directory.join('first'), sampleLines(50, 'first'));
    const second = await writeObjectBody(directory.join('second'), sampleLines(2, 'second'));
    expect(await store.put(key, first, never)).toBe('created');
    expect(await store.put(key, second, never)).toBe('conflict');
    expect((await store.head(key, never))?.description).toEqual(first.description);
    expect(await compareObject(store, key, second.description, never)).toBe('different');
    store.close();
  });

  test('an empty object can be put', async () => {
    await using directory = await tempDir();
    const store = await open();
    const body = await writeObjectBody(directory.join('body'), sampleLines(1));
    await writeFile(body.path, '');
    const objectSha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
    const description = { ...body.description, objectBytes: 0, objectSha256, firstTimestamp: '' };
    expect(await store.put(key, { ...body, description }, never)).toBe('created');
    expect(await store.head(key, never)).toEqual({ bytes: 0, description });
    store.close();
  });

  test('listing gives the keys below a prefix in lexical order', async () => {
    await using directory = await tempDir();
    const store = await open();
    const keys = ['a/b%23c/x.jsonl', 'a/b/x.jsonl', 'a/b-/x.jsonl', 'a/b.jsonl', 'b/%F0%9F/y.jsonl'];
    for (const [index, name] of keys.entries()) {
      const body = await writeObjectBody(directory.join('body'), sampleLines(index + 1));
      await store.put(name, body, never);
    }
    expect(await collectAll(list(store, ''))).toEqual([...keys].sort());
    expect(await collectAll(list(store, 'a/b/'))).toEqual(['a/b/x.jsonl']);
    expect(await collectAll(list(store, 'a/b'))).toEqual(keys.filter((name) => name.startsWith('a/')).sort());
    expect(await collectAll(list(store, 'nothing/'))).toEqual([]);
    store.close();
  });

  test('reading a key that is not there throws object_missing', async () => {
    const store = await open();
    await expect(collect(store.get(key, never))).rejects.toMatchObject({ code: 'object_missing' });
    store.close();
  });

  test('an object is replaced by other bytes with their description, and doing it again changes nothing', async () => {
    await using directory = await tempDir();
    const store = await open();
    const before = await writeObjectBody(directory.join('before'), sampleLines(50, 'before'));
    const after = await writeObjectBody(directory.join('after'), sampleLines(49, 'after'));
    const untouched = await readFile(before.path);
    await store.put(key, before, never);
    for (let time = 1; time <= 2; time++) {
      expect(await store.replace(key, after, before.description.objectSha256, never)).toBe('replaced');
      const { objectBytes } = after.description;
      expect(await store.head(key, never)).toEqual({ bytes: objectBytes, description: after.description });
      expect((await collect(store.get(key, never))).equals(await readFile(after.path))).toBe(true);
    }
    expect((await readFile(before.path)).equals(untouched)).toBe(true);
    expect(await collectAll(list(store, ''))).toEqual([key]);
    store.close();
  });

  test('what is not as expected is not replaced', async () => {
    await using directory = await tempDir();
    const store = await open();
    const before = await writeObjectBody(directory.join('before'), sampleLines(50, 'before'));
    const after = await writeObjectBody(directory.join('after'), sampleLines(49, 'after'));
    const { objectSha256 } = before.description;
    expect(await store.replace(key, after, objectSha256, never)).toBe('missing');
    await store.put(key, before, never);
    expect(await store.replace(key, after, '0'.repeat(64), never)).toBe('changed');
    expect((await store.head(key, never))?.description).toEqual(before.description);
    store.close();
  });

  test('of two who replace the same object at the same time the last one to come finds it changed', async () => {
    await using directory = await tempDir();
    const store = await open();
    const before = await writeObjectBody(directory.join('before'), sampleLines(50, 'before'));
    const one = await writeObjectBody(directory.join('one'), sampleLines(49, 'one'));
    const two = await writeObjectBody(directory.join('two'), sampleLines(48, 'two'));
    await store.put(key, before, never);
    const { objectSha256 } = before.description;
    expect(await store.replace(key, one, objectSha256, never)).toBe('replaced');
    expect(await store.replace(key, two, objectSha256, never)).toBe('changed');
    expect((await store.head(key, never))?.description).toEqual(one.description);
    store.close();
  });

  test('an object is overwritten whatever lies there, also nothing', async () => {
    await using directory = await tempDir();
    const store = await open();
    const bodies = [
      await writeObjectBody(directory.join('one'), sampleLines(50, 'one')),
      await writeObjectBody(directory.join('two'), sampleLines(50, 'two')),
    ];
    for (const body of bodies) {
      const bytes = await readFile(body.path);
      await store.overwrite(key, body, never);
      expect(await store.head(key, never)).toEqual({ bytes: bytes.length, description: body.description });
      expect((await collect(store.get(key, never))).equals(bytes)).toBe(true);
    }
    expect(await collectAll(list(store, ''))).toEqual([key]);
    store.close();
  });

  test('a removed object is gone with its description, and removing it again is no error', async () => {
    await using directory = await tempDir();
    const store = await open();
    const body = await writeObjectBody(directory.join('body'), sampleLines(5));
    await store.put(key, body, never);
    for (let time = 1; time <= 2; time++) {
      await store.remove(key, never);
      expect(await store.head(key, never)).toBeUndefined();
    }
    expect(await collectAll(list(store, ''))).toEqual([]);
    expect((await readFile(body.path)).length).toBe(body.description.objectBytes);
    const other = await writeObjectBody(directory.join('other'), sampleLines(7, 'other'));
    expect(await store.put(key, other, never)).toBe('created');
    expect((await store.head(key, never))?.description).toEqual(other.description);
    store.close();
  });

  test('an aborted call rejects with the reason of the abort', async () => {
    await using directory = await tempDir();
    const store = await open();
    const body = await writeObjectBody(directory.join('body'), sampleLines(5));
    const signal = AbortSignal.abort(new Error('shutting down'));
    await expect(store.put(key, body, signal)).rejects.toThrow('shutting down');
    await expect(store.head(key, signal)).rejects.toThrow('shutting down');
    store.close();
  });

  test('the check passes and leaves nothing behind', async () => {
    const store = await open();
    await store.check(never);
    expect(await collectAll(list(store, ''))).toEqual([]);
    store.close();
  });

  test('a sweep of a store in order removes nothing', async () => {
    await using directory = await tempDir();
    const store = await open();
    await store.put(key, await writeObjectBody(directory.join('body'), sampleLines(5)), never);
    expect(await store.sweep?.(never)).toBe(0);
    expect(await store.head(key, never)).toBeDefined();
    store.close();
  });

  async function* list(store: ObjectStore, prefix: string): AsyncGenerator<string> {
    for await (const entry of store.list(prefix, never)) yield entry.key;
  }
}

async function collectAll<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}
