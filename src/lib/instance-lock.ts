/**
 * One process per data directory. The lock is a listening socket in Linux' abstract namespace, named after the
 * directory: taking it is atomic, and it is gone with the process however that ends. Elsewhere it is a socket file,
 * where a leftover that nobody listens on is taken over.
 */
import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChatlogError } from './errors.ts';

/** Throws `data_dir_in_use`. Disposing gives the directory free. */
export async function lockDirectory(directory: string): Promise<AsyncDisposable> {
  const id = createHash('sha256').update(realpathSync(directory)).digest('hex').slice(0, 32);
  const path = process.platform === 'linux' ? `\0chatlog-${id}` : join(tmpdir(), `chatlog-${id}.sock`);
  let server = await listen(path);
  if (!server && process.platform !== 'linux' && !(await answers(path))) {
    await unlink(path).catch(() => {});
    server = await listen(path);
  }
  if (!server) {
    throw new ChatlogError('data_dir_in_use', `another chatlog records into ${directory}`, {
      hint: 'stop it first, or give this one a data_dir of its own',
    });
  }
  const held = server;
  return { [Symbol.asyncDispose]: () => new Promise((resolve) => held.close(() => resolve())) };
}

function listen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.unref();
    // Also later, when somebody's connection cannot be accepted: the promise is settled by then.
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(path, () => resolve(server));
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
