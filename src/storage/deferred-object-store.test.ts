import { expect, test } from 'vitest';
import { tempDir } from '../../test/support/temp-dir.ts';
import { deferredObjectStore } from './deferred-object-store.ts';
import { createDirectoryObjectStore } from './directory-object-store.ts';

const never = new AbortController().signal;

test('a store is made when it is first needed, once', async () => {
  await using dir = await tempDir();
  let made = 0;
  const store = deferredObjectStore({
    name: 'archive',
    create: async () => {
      made++;
      return createDirectoryObjectStore(dir.path);
    },
  });
  expect([store.name, made]).toEqual(['archive', 0]);
  expect(await Promise.all([store.head('a', never), store.head('b', never)])).toEqual([undefined, undefined]);
  await store.check(never);
  expect(made).toBe(1);
  store.close();
});

test('a store that cannot be made is tried again by the next call, and each says what is wrong', async () => {
  await using dir = await tempDir();
  let isThere = false;
  const store = deferredObjectStore({
    name: 'archive',
    create: async () => {
      if (!isThere) throw Object.assign(new Error('permission denied'), { code: 'EACCES' });
      return createDirectoryObjectStore(dir.path);
    },
  });
  await expect(store.check(never)).rejects.toMatchObject({
    code: 'storage_unusable',
    retryable: true,
    message: 'archive: permission denied (EACCES)',
  });
  isThere = true;
  await store.check(never);
});

test('waiting for a store that is never made ends with the abort', async () => {
  const store = deferredObjectStore({ name: 'archive', create: () => new Promise(() => {}) });
  const abort = new AbortController();
  const waiting = store.head('a', abort.signal);
  abort.abort(new Error('stop'));
  await expect(waiting).rejects.toThrow('stop');
});

test('only a store that gives links says that it does', async () => {
  await using dir = await tempDir();
  const create = async () => ({
    ...(await createDirectoryObjectStore(dir.path)),
    presign: async (key: string, seconds: number) => `https://store/${key}?${seconds}`,
  });
  expect(deferredObjectStore({ name: 'archive', create }).presign).toBeUndefined();
  const store = deferredObjectStore({ name: 'archive', create, presigns: true });
  expect(await store.presign?.('a', 9)).toBe('https://store/a?9');
});
