import { writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { tempDir } from '../../../test/support/temp-dir.ts';
import type { Session } from './database.ts';
import { createPgliteDatabase } from './pglite-database.ts';

it('ends, and says so, where nothing can be asked of it any more', { timeout: 60_000 }, async () => {
  await using directory = await tempDir('pglite');
  await writeFile(directory.join('PG_VERSION'), 'torn');
  const ended = Promise.withResolvers<void>();
  await using database = await createPgliteDatabase(directory.path, ended.resolve);
  const ask = () => database.read((session: Session) => session.query('SELECT 1'));
  await expect(ask()).rejects.toThrow();
  await ended.promise;
  await expect(ask()).rejects.toMatchObject({ code: 'database_unavailable', retryable: true });
});
