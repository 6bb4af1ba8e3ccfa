/**
 * Where log lines leave the process: written at once, so that the last line before an exit is not lost, and never
 * waiting for a reader that stands still. What a full pipe does not take waits here up to `PENDING_MAX` bytes; what
 * comes then is dropped and counted, and the count is written when there is room again. Never throws.
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';

const PENDING_MAX = 1024 * 1024;
const RETRY_MS = 50;
const FLUSH_TRIES = 20;
const FLUSH_PAUSE_MS = 10;

export class LogSink {
  readonly #fd: number;
  readonly #ownFd: boolean;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #dropped = 0;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(fd: number) {
    const own = openWithoutBlocking(fd);
    this.#fd = own ?? fd;
    this.#ownFd = own !== undefined;
    process.once('exit', this.#atExit);
  }

  write(line: string): void {
    if (this.#closed) return;
    if (this.#pendingBytes >= PENDING_MAX) {
      this.#dropped++;
      return;
    }
    this.#keep(Buffer.from(line));
    this.#drain();
  }

  /** Waits up to 200 ms for a reader that is slow. */
  flush(): void {
    for (let tries = 0; tries < FLUSH_TRIES && !this.#drain(); tries++) pause(FLUSH_PAUSE_MS);
  }

  /** Flushes and lets go of the descriptor that it opened itself. */
  close(): void {
    if (this.#closed) return;
    this.flush();
    this.#end();
  }

  readonly #atExit = () => this.close();

  #keep(bytes: Buffer): void {
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
  }

  /** True when nothing waits any more. */
  #drain(): boolean {
    while (!this.#closed) {
      const next = this.#pending[0];
      if (!next) {
        if (this.#dropped === 0) return true;
        this.#keep(this.#droppedLine());
        continue;
      }
      const written = this.#tryWrite(next);
      if (written === undefined) return false;
      this.#pendingBytes -= written;
      if (written === next.length) this.#pending.shift();
      else this.#pending[0] = next.subarray(written);
    }
    return true;
  }

  /** Bytes that are done with; undefined where the reader has no room now. */
  #tryWrite(bytes: Buffer): number | undefined {
    try {
      return writeSync(this.#fd, bytes);
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === 'EAGAIN' || code === 'EINTR') {
        this.#retry ??= setTimeout(() => {
          this.#retry = undefined;
          this.#drain();
        }, RETRY_MS).unref();
        return undefined;
      }
      // The reader is gone for good.
      if (code === 'EPIPE' || code === 'EBADF') this.#end();
      // A full disk, a hung-up terminal: this line is lost, the next may not be.
      return bytes.length;
    }
  }

  #droppedLine(): Buffer {
    const line = {
      level: 'warn',
      time: new Date().toISOString(),
      dropped: this.#dropped,
      msg: 'log lines dropped: nobody reads the log fast enough',
    };
    this.#dropped = 0;
    return Buffer.from(`${JSON.stringify(line)}\n`);
  }

  #end(): void {
    this.#closed = true;
    this.#pending = [];
    clearTimeout(this.#retry);
    process.removeListener('exit', this.#atExit);
    if (this.#ownFd) closeSync(this.#fd);
  }
}

/**
 * A second descriptor of the same pipe that does not block, so that the first, which other processes share, stays as
 * it is. Undefined where it is no pipe, or the system has no `/proc`.
 */
function openWithoutBlocking(fd: number): number | undefined {
  try {
    const info = fstatSync(fd);
    // A socket (journald, a parent Node) cannot be opened again: Node's own stream switches it to non-blocking.
    if (info.isSocket() && fd === process.stdout.fd) return undefined;
    if (!info.isFIFO()) return undefined;
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
