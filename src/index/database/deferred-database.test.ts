import { expect, it } from 'vitest';
import type { Database } from './database.ts';
import { deferredDatabase } from './deferred-database.ts';

function opened(log: string[]): Database {
  return {
    kind: 'postgres',
    name: 'it',
    read: async () => log.push('read') as never,
    transaction: async () => log.push('transaction') as never,
    session: async () => log.push('session') as never,
    [Symbol.asyncDispose]: async () => void log.push('closed'),
  };
}

const nothing = async () => {};

it('is opened once, by its first use, and closed', async () => {
  const log: string[] = [];
  const database = deferredDatabase({
    kind: 'postgres',
    name: 'it',
    open: async () => {
      log.push('opened');
      return opened(log);
    },
  });
  expect(log).toEqual([]);
  await Promise.all([database.read(nothing), database.transaction(nothing), database.session(nothing)]);
  await database[Symbol.asyncDispose]();
  expect(log).toEqual(['opened', 'read', 'transaction', 'session', 'closed']);
  await expect(database.read(nothing)).rejects.toMatchObject({ code: 'database_unavailable' });
});

it('is unavailable while it cannot be opened, and tried again by the next use', async () => {
  const log: string[] = [];
  let tries = 0;
  const database = deferredDatabase({
    kind: 'pglite',
    name: 'it',
    open: async () => {
      if (++tries === 1) throw new Error('no room');
      return opened(log);
    },
  });
  await expect(database.read(nothing)).rejects.toMatchObject({
    code: 'database_unavailable',
    message: 'it cannot be opened: no room',
  });
  await database.read(nothing);
  expect(log).toEqual(['read']);
});

it('that ended is disposed of and opened anew by the next use', async () => {
  const log: string[] = [];
  const ends: (() => void)[] = [];
  const database = deferredDatabase({
    kind: 'pglite',
    name: 'it',
    open: async (onEnded) => {
      log.push('opened');
      ends.push(onEnded);
      return opened(log);
    },
  });
  await database.read(nothing);
  ends[0]!();
  await database.read(nothing);
  ends[0]!();
  await database[Symbol.asyncDispose]();
  expect(log).toEqual(['opened', 'read', 'closed', 'opened', 'read', 'closed']);
});

it('that was never used closes without being opened', async () => {
  const database = deferredDatabase({
    kind: 'pglite',
    name: 'it',
    open: () => Promise.reject(new Error('opened')),
  });
  await database[Symbol.asyncDispose]();
});
