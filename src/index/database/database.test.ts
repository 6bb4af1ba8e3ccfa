import { describe, expect, it } from 'vitest';
import { DATABASES, openDatabase, postgresServer } from '../../../test/support/databases.ts';
import { startPostgres } from '../../../test/support/postgres-server.ts';
import { silentLog } from '../../../test/support/recorder-fixture.ts';
import { migrate } from './migrate.ts';
import { createPostgresDatabase } from './postgres-database.ts';

describe.each(DATABASES)('%s', (kind) => {
  it('answers with the same values as the others', async () => {
    await using database = await openDatabase(kind);
    const { rows } = await database.read((session) =>
      session.query(
        `SELECT 9007199254740991::int8 AS big, 1.5::numeric AS fraction, '2026-11-21'::date AS day,
                '2026-11-21T10:00:00.123Z'::timestamptz AS time, '{"a":[1]}'::jsonb AS json, $1::int[] AS numbers,
                $2::text[] AS texts, $3::timestamptz AS given, $4::boolean AS flag, NULL AS nothing`,
        [[1, 2], ['a,b', '"c"\\'], new Date(1_000), true],
      ),
    );
    expect(rows).toEqual([
      {
        big: Number.MAX_SAFE_INTEGER,
        fraction: 1.5,
        day: '2026-11-21',
        time: new Date('2026-11-21T10:00:00.123Z'),
        json: { a: [1] },
        numbers: [1, 2],
        texts: ['a,b', '"c"\\'],
        given: new Date(1_000),
        flag: true,
        nothing: null,
      },
    ]);
  });

  it('commits what resolves and takes back what rejects', async () => {
    await using database = await openDatabase(kind);
    const names = () =>
      database.read((session) =>
        session.sql.selectFrom('index_meta').select('name').orderBy('name').execute(),
      );
    await database.transaction((session) => session.query("INSERT INTO index_meta VALUES ('kept', '1')"));
    await expect(
      database.transaction(async (session) => {
        await session.copyIn('index_meta (name, value)', [Buffer.from('lost\t1\n')]);
        throw new Error('changed my mind');
      }),
    ).rejects.toThrow('changed my mind');
    expect(await names()).toEqual([{ name: 'epoch' }, { name: 'kept' }]);
  });

  it('copies rows in chunks and says how many', async () => {
    await using database = await openDatabase(kind);
    const chunks = Array.from({ length: 30 }, (_, index) =>
      Buffer.from(`name ${index}\t${'x'.repeat(400_000)}\n`),
    );
    expect(await database.transaction((session) => session.copyIn('index_meta (name, value)', chunks))).toBe(
      30,
    );
    await expect(
      database.transaction((session) =>
        session.copyIn('index_meta (name, value)', [Buffer.from('too few\n')]),
      ),
    ).rejects.toMatchObject({ code: '22P04' });
    const { rows } = await database.read((session) => session.query('SELECT count(*) AS n FROM index_meta'));
    expect(rows).toEqual([{ n: 31 }]);
  });

  it('refuses to write where it is to read', async () => {
    await using database = await openDatabase(kind);
    await expect(
      database.read((session) => session.query("INSERT INTO index_meta VALUES ('a', 'b')")),
    ).rejects.toThrow(/read-only/);
  });

  it('has had each migration once, however often and by how many it is asked for', async () => {
    await using database = await openDatabase(kind);
    expect(await Promise.all([migrate(database), migrate(database)])).toEqual([[], []]);
    await database.transaction((session) =>
      session.query("INSERT INTO migrations VALUES ('9999-future.sql')"),
    );
    await expect(migrate(database)).rejects.toMatchObject({ code: 'database_newer' });
  });
});

describe('PostgreSQL', () => {
  it('breaks off what takes longer than it may, and what was aborted', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await expect(
      database.read((session) => session.query('SELECT pg_sleep(30)'), { statementTimeoutMs: 50 }),
    ).rejects.toMatchObject({ code: 'database_timeout' });
    const abort = new AbortController();
    const sleeping = database.read((session) => session.query('SELECT pg_sleep(30)'), {
      signal: abort.signal,
    });
    setTimeout(() => abort.abort(new Error('enough')), 50);
    await expect(sleeping).rejects.toThrow('enough');
    const server = (await postgresServer('PostgreSQL 15'))!;
    expect(server.url).toContain('127.0.0.1');
  });

  it('says that the database is away, and works again when it is back', async () => {
    await using server = await startPostgres(15);
    const url = await server.createDatabase();
    await using database = createPostgresDatabase({ url, poolMax: 3, log: silentLog });
    const ask = () => database.read((session) => session.query('SELECT 1 AS one'));
    await ask();
    const inUse = database.transaction(async (session) => {
      await session.query('SELECT 1');
      await server.crash();
      return session.query('SELECT 2');
    });
    await expect(inUse).rejects.toMatchObject({ code: 'database_unavailable', retryable: true });
    await expect(ask()).rejects.toMatchObject({ code: 'database_unavailable' });
    await server.start();
    expect((await ask()).rows).toEqual([{ one: 1 }]);
  });
});
