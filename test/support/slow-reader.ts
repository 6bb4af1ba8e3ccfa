/** A client of its own socket, which takes its answer when it is told to. */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface SlowReader {
  readonly socket: Socket;
  /** Bytes so far, head included. */
  readonly bytes: number;
  /** Calls with each piece that comes from now on. Resolves when the server ends the connection. */
  readAll(onPiece: (piece: Buffer) => void): Promise<void>;
}

/** Asks, waits for the beginning of the answer and takes no more. */
export async function slowReader(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<SlowReader> {
  const socket = connect({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  const head = Object.entries({ host: '127.0.0.1', connection: 'close', ...headers });
  socket.write(
    `GET ${path} HTTP/1.1\r\n${head.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
  );
  let bytes = 0;
  let listener: (piece: Buffer) => void = () => {};
  const first = Promise.withResolvers<void>();
  socket.on('data', (piece: Buffer) => {
    bytes += piece.length;
    listener(piece);
    first.resolve();
  });
  socket.once('error', first.reject);
  await first.promise;
  socket.pause();
  return {
    socket,
    get bytes() {
      return bytes;
    },
    async readAll(onPiece) {
      listener = onPiece;
      socket.resume();
      await once(socket, 'close');
    },
  };
}
