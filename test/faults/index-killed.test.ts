/** `chatlog index` killed (kill -9) again and again: the run that is let alone in the end makes the index what it must be. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { createPgliteDatabase } from '../../src/index/database/pglite-database.ts';
import { openSpool } from '../../src/spool.ts';
import { openDatabase, pgliteTemplate } from '../support/databases.ts';
import { indexContents } from '../support/index-contents.ts';
import { indexModel } from '../support/index-model.ts';
import { bytesOf, indexedChat, putBare, segmentNamed } from '../support/indexed-chat.ts';
import { NODE } from '../support/run-command.ts';
import { tempDir } from '../support/temp-dir.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const KILLS = 2;
const TIMEOUT_MS = 240_000;

describe.each(['PGlite', 'PostgreSQL 15'] as const)('%s', (kind) => {
  test('is killed while it loads', { timeout: TIMEOUT_MS }, async () => {
    await using directory = await tempDir('killed');
    await using database = kind === 'PGlite' ? undefined : await openDatabase(kind);
    const all = Array.from({ length: 6 }, (_, n) => indexedChat({ channel: `c${n}`, lines: 250 }));
    const spool = await openSpool(directory.join('data'));
    for (const [n, lines] of all.entries()) {
      const file = segmentNamed(`c${n}`);
      if (n < 3) await writeFile(spool.path('sealed', file), bytesOf(lines));
      else await putBare(directory.join('archive'), file, bytesOf(lines));
    }
    if (!database) await cp(await pgliteTemplate(), directory.join('data', 'index'), { recursive: true });
    const config = {
      ...{ data_dir: 'data', archive: { directory: 'archive' }, index: { batch_lines: 50 } },
      ...(database?.url && { database_url: database.url }),
    };
    await writeFile(directory.join('config.yaml'), stringify(config));
    const run = (...args: string[]) => {
      const child = spawn(NODE, [MAIN, 'index', '--json', ...args], { cwd: directory.path, stdio: 'ignore' });
      return { child, ended: once(child, 'close') as Promise<[code: number | null, signal: string | null]> };
    };

    const startedMs = performance.now();
    expect(await run('--channel', 'c0').ended).toEqual([0, null]);
    const tookMs = performance.now() - startedMs;
    for (let kill = 0; kill < KILLS; kill++) {
      const { child, ended } = run();
      await sleep(tookMs * (0.5 + Math.random() / 2));
      child.kill('SIGKILL');
      await ended;
    }
    expect(await run().ended).toEqual([0, null]);
    await using embedded = database ? undefined : await createPgliteDatabase(directory.join('data', 'index'));
    expect(await indexContents((database ?? embedded)!)).toEqual(indexModel(all));
  });
});
