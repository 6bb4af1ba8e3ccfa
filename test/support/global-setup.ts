/**
 * Runs once before all test files: refuses a Node that cannot run the product, and gives the whole run one
 * temporary directory (`CHATLOG_TEST_TMP`, see `temp-dir.ts`), which goes away at the end whatever the tests left in it.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const NODE_MAJOR_MIN = 24;

export async function setup(): Promise<(() => Promise<void>) | undefined> {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < NODE_MAJOR_MIN) {
    throw new Error(
      `The tests run on Node ${process.versions.node}, but Chatlog needs ${NODE_MAJOR_MIN} or newer: ` +
        'start them with `npm test`, which uses the pinned one in node_modules/.bin.',
    );
  }
  // Each of the projects runs this; the first one makes the directory.
  if (process.env.CHATLOG_TEST_TMP) return undefined;
  const directory = await mkdtemp(join(tmpdir(), 'chatlog-test-'));
  // Servers that run as another user reach their own directories below it.
  await chmod(directory, 0o711);
  process.env.CHATLOG_TEST_TMP = directory;
  // For the many processes that tests start: half of what a command takes is compiling.
  process.env.NODE_COMPILE_CACHE ??= join(directory, 'compile-cache');
  return async () => {
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
}
