import { cp } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { pgliteTemplate } from '../../test/support/databases.ts';
import { silentLog } from '../../test/support/recorder-fixture.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { configSchema } from '../config/schema.ts';
import { isIndexEnabled, openIndexDatabase } from './open-index-database.ts';

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

test("the embedded database is one process's at a time", async () => {
  await using directory = await tempDir('index');
  await cp(await pgliteTemplate(), directory.join('index'), { recursive: true });
  const config = configured({ data_dir: directory.path });
  const first = await openIndexDatabase(config, silentLog);
  await expect(openIndexDatabase(config, silentLog)).rejects.toMatchObject({
    code: 'index_in_use',
    hint: expect.stringContaining('database_url'),
  });
  await first[Symbol.asyncDispose]();
  const second = await openIndexDatabase(config, silentLog);
  await second[Symbol.asyncDispose]();
});
