/**
 * Tells one filling of the index from the next: a rebuild, another database at the same address, or a server that was
 * started again (it may have lost what it acknowledged, where synchronous_commit is off or a replica took over). Who
 * remembers what was loaded forgets it when this changes.
 */
import { randomUUID } from 'node:crypto';
import type { Connection, Database } from './database/database.ts';

const NAME = 'generation';

/** Made where there is none. */
export async function readGeneration(database: Database): Promise<string> {
  return database.transaction(async (session) => {
    await session.query('INSERT INTO index_meta VALUES ($1, $2) ON CONFLICT DO NOTHING', [
      NAME,
      randomUUID(),
    ]);
    const { rows } = await session.query(
      `SELECT value || ' ' || extract(epoch FROM pg_postmaster_start_time()) AS generation FROM index_meta WHERE name = $1`,
      [NAME],
    );
    return String(rows[0]?.generation);
  });
}

/** In the transaction that empties the index. */
export async function beginGeneration(connection: Connection): Promise<void> {
  await connection.query(
    'INSERT INTO index_meta VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
    [NAME, randomUUID()],
  );
}
