import { mkdir, stat } from 'node:fs/promises';
import type { LoadedConfig } from '../config/load-config.ts';
import { indexDirectory } from '../index/database/database-place.ts';
import { migrate } from '../index/database/migrate.ts';
import { isIndexEnabled } from '../index/is-index-enabled.ts';
import { openIndexDatabase } from '../index/open-index-database.ts';
import { createLogger } from '../lib/create-logger.ts';
import { ChatlogError } from '../lib/errors.ts';
import { lockDirectory } from '../lib/instance-lock.ts';
import { NOBODY_RECORDS } from '../privacy/forget/forget-files.ts';
import { openPrivacy, type Privacy } from '../privacy/open-privacy.ts';
import { recoverSegments, takeLeftovers } from '../recording/recover-segments.ts';
import { openSpool } from '../spool.ts';
import { createObjectStore } from '../storage/create-object-store.ts';

/**
 * Work of a command on decisions about privacy, where no instance runs: this process takes its place for as long. What is
 * known in the archive is known here before the work begins: throws where it cannot be read.
 */
export async function withPrivacy<T>(
  { config, secrets }: Pick<LoadedConfig, 'config' | 'secrets'>,
  signal: AbortSignal,
  work: (privacy: Privacy) => Promise<T>,
): Promise<T> {
  const log = await createLogger({ level: 'warn', format: config.log.format, secrets, fd: 2 });
  await mkdir(config.data_dir, { recursive: true });
  const spool = await openSpool(config.data_dir);
  await using _lock = await lockDirectory(config.data_dir);
  await recoverSegments(await takeLeftovers(spool), { spool, log, onSealed() {} }, signal);
  const store = createObjectStore(config, log);
  const hasIndex = isIndexEnabled(config) && (await isMade(config));
  const database = hasIndex ? await openIndexDatabase(config, log) : undefined;
  try {
    if (database) await migrate(database);
    const privacy = await openPrivacy({
      ...{ spool, store, database, log, now: Date.now, config: () => config },
      keepers: NOBODY_RECORDS,
    });
    const { decisions } = privacy;
    if (!(await decisions.sync(signal)))
      throw new ChatlogError('decisions_unknown', `cannot read in ${store.name} what was decided before`, {
        hint: 'Try again when storage and database answer: "chatlog check".',
      });
    const result = await work(privacy);
    await decisions.sync(signal);
    return result;
  } finally {
    await database?.[Symbol.asyncDispose]();
    store.close();
    log.flush();
  }
}

/** The embedded index is not made for the sake of a command that takes out of it. */
async function isMade({ database_url: url, data_dir }: LoadedConfig['config']): Promise<boolean> {
  if (url !== undefined) return true;
  return stat(indexDirectory(data_dir)).then(
    () => true,
    () => false,
  );
}
