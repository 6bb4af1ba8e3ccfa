/**
 * kill -9 of a process that compresses and uploads: at random moments, and at the Nth call of each kind of syscall that
 * moves its files. In the end every line is in the archive exactly once. `CHATLOG_KILL_ROUNDS` sets how often.
 */
import { type ChildProcess, execFileSync, type ForkOptions, fork } from 'node:child_process';
import { readdir, rename, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { openSpool, type Spool } from '../../src/spool.ts';
import { createDirectoryObjectStore } from '../../src/storage/directory-object-store.ts';
import { collect, sampleLines } from '../support/segments.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait-for.ts';

const rounds = Number(process.env.CHATLOG_KILL_ROUNDS ?? 8);
const SEGMENTS_PER_ROUND = 6;
/** A round's work takes about so long. */
const KILL_WITHIN_MS = 80;
/** As patterns: their names differ between architectures. */
const SYSCALLS = ['/^rename', '/^unlink', '/^link', '/^fsync'];
const never = new AbortController().signal;

test(`killed ${rounds} times at random, the uploader leaves every line in the archive exactly once`, async () => {
  await survive(rounds, async (start) => {
    const child = start({});
    await new Promise((resolve) => child.once('message', resolve));
    await sleep(Math.random() * KILL_WITHIN_MS);
    child.kill('SIGKILL');
    await ended(child);
  });
}, 600_000);

test.skipIf(!hasStrace())(
  `killed ${rounds} times at a syscall, the uploader leaves every line in the archive exactly once`,
  async () => {
    let round = 0;
    await survive(rounds, async (start, isDone) => {
      const syscall = SYSCALLS[round % SYSCALLS.length]!;
      round++;
      // The first call of each kind, then the second of each...; counted for each thread of the process.
      const when = 1 + Math.floor((round - 1) / SYSCALLS.length);
      const inject = ['-e', `trace=${syscall}`, '-e', `inject=${syscall}:signal=KILL:when=${when}`];
      const execArgv = ['-f', '-qq', '-o', '/dev/null', ...inject, process.execPath];
      const child = start({ execPath: 'strace', execArgv });
      // Where the call is not made so often, the round is over when its work is done.
      await Promise.race([ended(child), waitFor('the end of the round', isDone, { timeoutMs: 60_000 })]);
      child.send('stop', () => {});
      await ended(child);
    });
  },
  600_000,
);

type Start = (options: ForkOptions) => ChildProcess;

/** Seals segments and lets `kill` end an uploader in the middle of them, round after round; then looks at the archive. */
async function survive(
  count: number,
  kill: (start: Start, isDone: () => Promise<boolean>) => Promise<void>,
): Promise<void> {
  await using directory = await tempDir('kill');
  const [root, archive] = [directory.join('spool'), directory.join('archive')];
  const spool = await openSpool(root);
  const script = new URL('../support/run-uploader.ts', import.meta.url).pathname;
  const start: Start = (options) => fork(script, [root, archive], { execArgv: [], ...options });
  const isDone = async () =>
    (await readdir(spool.path('sealed'))).length + (await readdir(spool.path('uploaded'))).length === 0;
  const expected: string[] = [];
  for (let round = 0; round < count; round++) {
    expected.push(...(await sealRound(spool, round)));
    await kill(start, isDone);
  }
  const last = start({});
  await waitFor('an empty spool', isDone, { timeoutMs: 60_000 });
  last.send('stop');
  await ended(last);
  expect(await readdir(spool.path('quarantine'))).toEqual([]);
  expect(await readdir(spool.path('tmp'))).toEqual([]);
  expect((await archivedLines(archive)).sort()).toEqual(expected.sort());
}

/** The lines that were sealed. Two segments of each round have names whose keys an earlier round may have taken. */
async function sealRound(spool: Spool, round: number): Promise<string[]> {
  const all: string[] = [];
  const present = await readdir(spool.path('sealed'));
  for (let index = 0; index < SEGMENTS_PER_ROUND; index++) {
    const channel = index < 2 ? `same${index}` : `r${round}c${index}`;
    const name = `twitch_${channel}_20261121_1300.jsonl`;
    const file = present.some((other) => other.startsWith(name))
      ? name.replace('.jsonl', `-${round}.jsonl`)
      : name;
    const lines = sampleLines(200 + index * 200, `${round}/${index}`);
    all.push(...lines.toString().trimEnd().split('\n'));
    await writeFile(spool.path('tmp', file), lines);
    await rename(spool.path('tmp', file), spool.path('sealed', file));
  }
  return all;
}

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

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once('exit', () => resolve());
  });
}

function hasStrace(): boolean {
  try {
    execFileSync('strace', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
