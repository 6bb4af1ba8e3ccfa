/**
 * Clients that take their answer by the drop: each holds a turn and buffers for as long as it likes. Whoever takes less
 * than {@link BYTES_MIN} in {@link LOOK_MS}, {@link STRIKES_MAX} times on end, while more is ready for it, is cut off.
 * (One that takes nothing at all runs into the server's socket timeout.)
 */
import type { ServerResponse } from 'node:http';

const LOOK_MS = 20_000;
const BYTES_MIN = 4_096;
const STRIKES_MAX = 3;

interface Watched {
  takenBytes: number;
  strikes: number;
}

export class SlowClients {
  readonly #watched = new Map<ServerResponse, Watched>();
  readonly #onCut: (response: ServerResponse) => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(onCut: (response: ServerResponse) => void) {
    this.#onCut = onCut;
  }

  watch(response: ServerResponse): void {
    this.#watched.set(response, { takenBytes: takenBytes(response), strikes: 0 });
    response.once('close', () => {
      this.#watched.delete(response);
      if (this.#watched.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    });
    this.#timer ??= setInterval(() => this.look(), LOOK_MS).unref();
  }

  /** One look at everybody. */
  look(): void {
    for (const [response, watched] of this.#watched) {
      const taken = takenBytes(response);
      const isSlow = (response.socket?.writableLength ?? 0) > 0 && taken - watched.takenBytes < BYTES_MIN;
      watched.strikes = isSlow ? watched.strikes + 1 : 0;
      watched.takenBytes = taken;
      if (watched.strikes < STRIKES_MAX) continue;
      this.#onCut(response);
      response.destroy();
    }
  }
}

/** What the system has taken from us, of everything on this connection. */
function takenBytes({ socket }: ServerResponse): number {
  return socket === null ? 0 : socket.bytesWritten - socket.writableLength;
}
