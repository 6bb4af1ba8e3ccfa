import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import { SlowClients } from './slow-clients.ts';

/** A response whose socket has taken so much, and has so much waiting for it. */
function response() {
  const socket = { bytesWritten: 1_000_000, writableLength: 1_000_000 };
  const events = Object.assign(new EventEmitter(), { socket, destroyed: false });
  const destroy = () => {
    events.destroyed = true;
    events.emit('close');
  };
  const take = (bytes: number) => {
    socket.bytesWritten += bytes;
  };
  return {
    ...{ events, socket, take },
    response: Object.assign(events, { destroy }) as unknown as ServerResponse,
  };
}

it('cuts off who takes next to nothing for three looks while more waits, and nobody else', () => {
  const cut: ServerResponse[] = [];
  const clients = new SlowClients((each) => cut.push(each));
  const [dripping, reading, done] = [response(), response(), response()];
  for (const each of [dripping, reading, done]) clients.watch(each.response);
  done.socket.writableLength = 0;
  for (let look = 0; look < 4; look++) {
    expect(cut).toHaveLength(look < 3 ? 0 : 1);
    dripping.take(100);
    reading.take(look === 1 ? 0 : 100_000);
    clients.look();
  }
  expect(cut).toEqual([dripping.response]);
  expect([dripping.events.destroyed, reading.events.destroyed, done.events.destroyed]).toEqual([
    true,
    false,
    false,
  ]);
});
