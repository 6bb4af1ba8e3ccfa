/** A server that is there and says nothing: stopped, cut off, stuck. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { postgresServer } from '../../../test/support/databases.ts';
import { silentLog } from '../../../test/support/recorder-fixture.ts';
import { createPostgresDatabase } from './postgres-database.ts';

test('work on it ends when it is broken off, and the next work has another connection', async () => {
  const server = (await postgresServer('PostgreSQL 15'))!;
  const url = new URL(await server.createDatabase());
  const sockets: Socket[] = [];
  const front = createServer((socket) => {
    const behind = connect(server.port, '127.0.0.1');
    for (const each of [socket, behind]) sockets.push(each.on('error', () => {}));
    socket.pipe(behind).pipe(socket);
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  url.port = String((front.address() as AddressInfo).port);
  await using database = createPostgresDatabase({ url: url.href, poolMax: 2, log: silentLog });
  const stop = new AbortController();
  const work = database.transaction(
    async (session) => {
      await session.query('SELECT 1');
      for (const socket of sockets) socket.unpipe().pause();
      const unanswered = session.query('SELECT 2');
      stop.abort(new Error('no longer wanted'));
      await unanswered;
    },
    { signal: stop.signal },
  );
  await expect(work).rejects.toThrow('no longer wanted');
  const { rows } = await database.read((session) => session.query('SELECT 3 AS three'));
  expect(rows).toEqual([{ three: 3 }]);
  front.close();
  for (const socket of sockets) socket.destroy();
});
