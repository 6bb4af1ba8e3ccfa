/** A log of any size: no faster than its reader, no longer than its reader stays, in the same memory. */
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { BIG_CHANNEL, BIG_DAY, makeBigDay } from '../../../test/support/big-day.ts';
import { openDatabase, type TestDatabase } from '../../../test/support/databases.ts';
import { logViewerApp } from '../../../test/support/log-viewer-app.ts';
import { slowReader } from '../../../test/support/slow-reader.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import type { Database } from '../../index/database/database.ts';
import { ChatlogError } from '../../lib/errors.ts';

const MESSAGES = 150_000;
const URL_PATH = `/channel/${BIG_CHANNEL}${BIG_DAY}`;

let database: TestDatabase;

beforeAll(async () => {
  database = await openDatabase('PostgreSQL 15');
  await makeBigDay(database, MESSAGES);
});

afterAll(() => database[Symbol.asyncDispose]());

/** An API whose readings of the database are counted, and may be made to fail. */
async function serve(failAt = Number.POSITIVE_INFINITY) {
  const seen = { reads: 0, running: 0 };
  const counted: Database = {
    ...database,
    read: async (work, options) => {
      seen.reads++;
      if (seen.reads >= failAt)
        throw new ChatlogError('database_unavailable', 'the database went away', { retryable: true });
      seen.running++;
      try {
        return await database.read(work, options);
      } finally {
        seen.running--;
      }
    },
  };
  const app = await logViewerApp({ database: counted });
  await app.listen({ port: 0, host: '127.0.0.1' });
  onTestFinished(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  return { app, seen, port, url: `http://127.0.0.1:${port}${URL_PATH}` };
}

/** Until nothing is read any more. */
async function standstill(seen: { reads: number; running: number }): Promise<number> {
  let before = -1;
  let quiet = 0;
  await waitFor('the reading to stand still', () => {
    quiet = seen.reads === before && seen.running === 0 ? quiet + 1 : 0;
    before = seen.reads;
    return quiet >= 25;
  });
  return before;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function memoryBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

describe('a day of 150,000 messages', () => {
  it('is read no faster than the client takes it, and takes no more memory than a page', async () => {
    const { seen, port } = await serve();
    const reader = await slowReader(port, `${URL_PATH}?raw`);
    const readsWhilePaused = await standstill(seen);
    // What the sockets' buffers hold is a part of it.
    expect(readsWhilePaused).toBeLessThan(MESSAGES / 1_000 / 2);
    const before = memoryBytes();
    let most = 0;
    let lines = 0;
    let pieces = 0;
    await reader.readAll((piece) => {
      for (const byte of piece) if (byte === 0x0a) lines++;
      if (++pieces % 1_000 === 0) most = Math.max(most, memoryBytes());
    });
    expect(reader.bytes).toBeGreaterThan(MESSAGES * 250);
    expect(lines).toBeGreaterThan(MESSAGES / 2);
    expect(most - before).toBeLessThan(32 * 1024 ** 2);
  });

  it('comes whole and in order, in each format', async () => {
    const { url } = await serve();
    const text = await (await fetch(url)).text();
    const lines = text.split('\r\n').slice(0, -1);
    expect(lines).toHaveLength(MESSAGES);
    expect(lines.toSorted()).toEqual(lines);
    const backward = await (await fetch(`${url}?reverse&limit=2500`)).text();
    expect(backward.split('\r\n').slice(0, -1)).toEqual(lines.slice(-2_500).reverse());
  });

  it('is read no further when the client has gone', async () => {
    const { seen, port, app } = await serve();
    const reader = await slowReader(port, `${URL_PATH}?json`);
    await standstill(seen);
    reader.socket.destroy();
    const readsThen = await standstill(seen);
    expect(readsThen).toBeLessThan(MESSAGES / 1_000 / 2);
    expect((await app.inject(`${URL_PATH}?limit=1`)).statusCode).toBe(200);
  });

  it('is not read to be thrown away where only its head is asked for', async () => {
    const { seen, app } = await serve();
    const response = await app.inject({ method: 'HEAD', url: URL_PATH });
    expect([response.statusCode, response.body]).toEqual([200, '']);
    expect(await standstill(seen)).toBeLessThan(5);
  });

  it('breaks off where the database goes away in the middle: half a log must not look like a whole one', async () => {
    const { url } = await serve(10);
    const response = await fetch(`${url}?json`);
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
  });

  it('is 503 where the database is away at the beginning', async () => {
    for (const failAt of [1, 2]) {
      const { url } = await serve(failAt);
      const response = await fetch(url);
      expect(response.status).toBe(503);
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await response.text()).toBe('the database cannot be reached');
    }
  });
});
