/**
 * Brings the database's schema up to this version's: every file of `migrations/` that it has not had yet, in the order of
 * their numbers, each in one transaction under an advisory lock, so that several processes may start at the same time.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ChatlogError } from '../../lib/errors.ts';
import type { Database } from './database.ts';

/** Any number that nobody else locks: "chatlog" on a telephone. */
export const MIGRATION_LOCK = 24_285_641;

/** The same way from the sources and from a chunk of the bundle. */
const DIRECTORY = join(import.meta.dirname, '../migrations');

/** The names of what was applied. Throws `database_newer` where a later version of Chatlog was here before. */
export async function migrate(database: Database): Promise<string[]> {
  const files = (await readdir(DIRECTORY)).filter((file) => file.endsWith('.sql')).sort();
  const applied: string[] = [];
  for (let done = false; !done; ) {
    done = await database.transaction(async (session) => {
      await session.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
      await session.exec(
        'CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())',
      );
      const { rows } = await session.query('SELECT name FROM migrations');
      const had = new Set(rows.map(({ name }) => name as string));
      const unknown = [...had].find((name) => !files.includes(name));
      if (unknown !== undefined)
        throw new ChatlogError(
          'database_newer',
          `the database has had ${unknown}, which this version does not know`,
          {
            hint: 'A newer version of Chatlog was here. Use that one, or drop the database and run "chatlog index --rebuild".',
          },
        );
      const next = files.find((file) => !had.has(file));
      if (next === undefined) return true;
      await session.exec(await readFile(join(DIRECTORY, next), 'utf8'));
      await session.query('INSERT INTO migrations (name) VALUES ($1)', [next]);
      applied.push(next);
      return false;
    });
  }
  return applied;
}
