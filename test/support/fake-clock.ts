/**
 * The wall clock of another process, turned while it runs: libfaketime (Debian package `faketime`), which reads the
 * offset from a file at every look at the clock. The monotonic clock stays true.
 */
import { readdirSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface FakeClock {
  /** For the environment of the process. */
  readonly env: Record<string, string>;
  /** From now on the clock is so much ahead of the true one (negative: behind). */
  shift(seconds: number): Promise<void>;
}

/** @param file where the offset is written */
export async function fakeClock(file: string): Promise<FakeClock> {
  const clock: FakeClock = {
    env: {
      LD_PRELOAD: library(),
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    },
    async shift(seconds) {
      await writeFile(`${file}.new`, `${seconds < 0 ? '-' : '+'}${Math.abs(seconds)}\n`);
      await rename(`${file}.new`, file);
    },
  };
  await clock.shift(0);
  return clock;
}

function library(): string {
  for (const architecture of readdirSync('/usr/lib')) {
    const directory = join('/usr/lib', architecture, 'faketime');
    try {
      if (readdirSync(directory).includes('libfaketime.so.1')) return join(directory, 'libfaketime.so.1');
    } catch {
      // Not every directory there is one of an architecture.
    }
  }
  throw new Error('libfaketime is missing: apt-get install faketime');
}
