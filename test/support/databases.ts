/**
 * The databases that the index runs on, each empty and migrated: PGlite, PostgreSQL 15 (Debian) and 18 (npm). A suite
 * is run over all of them:
 *
 *     describe.each(DATABASES)('...', (kind) => { it('...', async () => { await using database = await openDatabase(kind); ... }) })
 *
 * One server of each version serves all tests of a file.
 */

import { cp } from 'node:fs/promises';
import type { Database } from '../../src/index/database/database.ts';
import { migrate } from '../../src/index/database/migrate.ts';
import { createPgliteDatabase } from '../../src/index/database/pglite-database.ts';
import { createPostgresDatabase } from '../../src/index/database/postgres-database.ts';
import { type PostgresServer, startPostgres } from './postgres-server.ts';
import { silentLog } from './recorder-fixture.ts';
import { tempDir } from './temp-dir.ts';

export const DATABASES = ['PGlite', 'PostgreSQL 15', 'PostgreSQL 18'] as const;
export type DatabaseKind = (typeof DATABASES)[number];

export interface TestDatabase extends Database {
  /** Undefined for PGlite. */
  readonly url: string | undefined;
  /** Of PGlite's files. */
  readonly directory: string | undefined;
}

const servers = new Map<DatabaseKind, Promise<PostgresServer>>();

/** The server of this file; undefined for PGlite. Stops with the process. */
export function postgresServer(kind: DatabaseKind): Promise<PostgresServer> | undefined {
  if (kind === 'PGlite') return undefined;
  const running = servers.get(kind) ?? startPostgres(kind === 'PostgreSQL 15' ? 15 : 18);
  servers.set(kind, running);
  return running;
}

let template: Promise<string> | undefined;

/** An empty, migrated PGlite's files. Making them takes seconds of processor time: once for each worker, then they are copied. */
export function pgliteTemplate(): Promise<string> {
  template ??= (async () => {
    const { path } = await tempDir('pglite-template');
    await using database = await createPgliteDatabase(path);
    await migrate(database);
    return path;
  })();
  return template;
}

/** Empty and migrated. Use with `await using`. */
export async function openDatabase(kind: DatabaseKind): Promise<TestDatabase> {
  const server = await postgresServer(kind);
  if (server) {
    const url = await server.createDatabase();
    const database = createPostgresDatabase({ url, poolMax: 10, log: silentLog });
    await migrate(database);
    return { ...database, url, directory: undefined };
  }
  const directory = await tempDir('pglite');
  await cp(await pgliteTemplate(), directory.path, { recursive: true });
  const database = await createPgliteDatabase(directory.path);
  return {
    ...database,
    url: undefined,
    directory: directory.path,
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}
