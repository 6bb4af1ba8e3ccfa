import { access, mkdir, readdir, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { silentLog } from '../../test/support/recorder-fixture.ts';
import { memoryLogger } from '../../test/support/segments.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { configSchema } from '../config/schema.ts';
import { lockDirectory } from '../lib/instance-lock.ts';
import { isIndexEnabled } from './is-index-enabled.ts';
import { openIndexDatabase } from './open-index-database.ts';

const GIB = 1024 ** 3;
const configured = (config: object) => configSchema.parse(config);

test.each([
  { config: {}, memory: 4 * GIB, enabled: true },
  { config: {}, memory: 0.94 * GIB, enabled: true },
  { config: {}, memory: 0.5 * GIB, enabled: false },
  { config: { database_url: 'postgres://db/chatlog' }, memory: 0.25 * GIB, enabled: true },
  { config: { index: { enabled: true } }, memory: 0.25 * GIB, enabled: true },
  {
    config: { index: { enabled: false }, database_url: 'postgres://db/chatlog' },
    memory: 4 * GIB,
    enabled: false,
  },
])('$config with $memory bytes of memory: $enabled', ({ config, memory, enabled }) => {
  expect(isIndexEnabled(configured(config), memory)).toBe(enabled);
});

test('does not open an embedded database that another process has open', async () => {
  await using directory = await tempDir('index');
  await mkdir(directory.join('index'));
  await using _owner = await lockDirectory(directory.join('index'));
  await expect(openIndexDatabase(configured({ data_dir: directory.path }), silentLog)).rejects.toMatchObject({
    code: 'index_in_use',
    hint: expect.stringContaining('database_url'),
  });
});

test('sets embedded files aside that cannot be opened any more, and makes new ones', async () => {
  await using directory = await tempDir('index');
  const config = configured({ data_dir: directory.path });
  {
    await using database = await openIndexDatabase(config, silentLog);
    await database.transaction((session) => session.exec('CREATE TABLE gone (id int)'));
  }
  await writeFile(directory.join('index', 'global', 'pg_control'), 'torn');
  const log = memoryLogger();
  await using database = await openIndexDatabase(config, log);
  const { rows } = await database.read((session) => session.query("SELECT to_regclass('gone') AS gone"));
  expect(rows).toEqual([{ gone: null }]);
  const [broken] = (await readdir(directory.path)).filter((name) =>
    /^index\.broken-\d{8}T\d{6}Z$/.test(name),
  );
  await access(directory.join(broken!, 'PG_VERSION'));
  expect(log.lines.map(({ message }) => message).join()).toContain('set aside');
});
