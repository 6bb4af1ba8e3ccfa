/** A wall clock that a test sets for one process while it runs (libfaketime). Timers and durations stay true. */
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface JumpingClock {
  /** For the process whose clock it is. */
  readonly env: Record<string, string>;
  /** The process's clock is so many seconds ahead of (or, negative, behind) the true one from now on. */
  jump(seconds: number): Promise<void>;
}

/** @param directory existing, keeps the clock's file */
export async function jumpingClock(directory: string): Promise<JumpingClock> {
  const file = join(directory, 'clock');
  const jump = async (seconds: number) => {
    await writeFile(`${file}.new`, `${seconds < 0 ? '' : '+'}${seconds}\n`);
    await rename(`${file}.new`, file);
  };
  await jump(0);
  return {
    env: {
      // The dynamic loader puts in where this system has its libraries.
      LD_PRELOAD: '/usr/$LIB/faketime/libfaketimeMT.so.1',
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
    jump,
  };
}
