/**
 * kill -9 of a process that compresses and uploads, at random moments: in the end every line is in the archive exactly
 * once. `CHATLOG_KILL_ROUNDS` sets how often it is killed.
 */
import { fork } from 'node:child_process';
import { readdir, rename, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { openSpool } from '../../src/spool.ts';
import { createDirectoryObjectStore } from '../../src/storage/directory-object-store.ts';
import { collect, sampleLines } from '../support/segments.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait-for.ts';

const rounds = Number(process.env.CHATLOG_KILL_ROUNDS ?? 8);
const SEGMENTS_PER_ROUND = 12;
/** A round's work takes about so long. */
const KILL_WITHIN_MS = 120;
const never = new AbortController().signal;

test(`killed ${rounds} times at random, the uploader leaves every line in the archive exactly once`, async () => {
  await using directory = await tempDir('kill');
  const [root, archive] = [directory.join('spool'), directory.join('archive')];
  const spool = await openSpool(root);
  const expected: string[] = [];
  const start = () => fork(new URL('../support/run-uploader.ts', import.meta.url), [root, archive]);
  for (let round = 0; round < rounds; round++) {
    for (let index = 0; index < SEGMENTS_PER_ROUND; index++) {
      // Two segments of every round have the same name as some of the round before: their keys are taken.
      const channel = index < 2 ? `same${index}` : `r${round}c${index}`;
      const lines = sampleLines(200 + index * 100, `${round}/${index}`);
      expected.push(...lines.toString().trimEnd().split('\n'));
      const name = `twitch_${channel}_20261121_13${String(round % 60).padStart(2, '0')}.jsonl`;
      const free = (await readdir(spool.path('sealed'))).some((file) => file.startsWith(name))
        ? name.replace('.jsonl', `-${round}.jsonl`)
        : name;
      await writeFile(spool.path('tmp', free), lines);
      await rename(spool.path('tmp', free), spool.path('sealed', free));
    }
    const child = start();
    await new Promise((resolve) => child.once('message', resolve));
    await sleep(Math.random() * KILL_WITHIN_MS);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
  }
  const last = start();
  const isEmpty = async () =>
    (await readdir(spool.path('sealed'))).length + (await readdir(spool.path('uploaded'))).length === 0;
  await waitFor('an empty spool', isEmpty, { timeoutMs: 60_000 });
  last.send('stop');
  await new Promise((resolve) => last.once('exit', resolve));
  expect(await readdir(spool.path('quarantine'))).toEqual([]);
  expect(await readdir(spool.path('tmp'))).toEqual([]);
  expect((await archivedLines(archive)).sort()).toEqual(expected.sort());
}, 600_000);

async function archivedLines(archive: string): Promise<string[]> {
  const store = await createDirectoryObjectStore(archive);
  const lines: string[] = [];
  for await (const { key } of store.list('', never)) {
    const bytes = await collect(store.get(key, never));
    const plain = key.endsWith('.zst')
      ? zstdDecompressSync(bytes)
      : key.endsWith('.gz')
        ? gunzipSync(bytes)
        : bytes;
    lines.push(...plain.toString().trimEnd().split('\n'));
  }
  return lines;
}
