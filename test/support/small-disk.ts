/** A file system of a few kilobytes that really gets full: a tmpfs. Mounting needs root, as in CI and in containers. */
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
  /** Makes it larger (or smaller) while it is in use. */
  resize(kib: number): Promise<void>;
}

/** Throws where this machine does not let us mount: a test that was skipped would prove nothing. */
export async function mountSmallDisk(path: string, kib: number): Promise<SmallDisk> {
  await mkdir(path, { recursive: true });
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'chatlog-test', path]);
  } catch (cause) {
    throw new Error(
      'This test fills a small file system and has to mount one: run it as root (in a container with CAP_SYS_ADMIN: ' +
        'docker run --cap-add SYS_ADMIN).',
      { cause },
    );
  }
  return {
    path,
    resize: async (size) => {
      await run('mount', ['-o', `remount,size=${size}k`, path]);
    },
    [Symbol.asyncDispose]: async () => {
      // Lazily: a process that was killed a moment ago may still hold a file.
      await run('umount', ['-l', path]);
    },
  };
}
