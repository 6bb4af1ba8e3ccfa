/**
 * How fast `chatlog pull` gives an archive's lines back beside `zcat | grep -c` and `zstdcat | grep -c` over the same objects,
 * in turns; and the memory that it takes for a day and for eight, for few channels and for many.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createDirectoryObjectStore } from '../../src/storage/directory-object-store.ts';
import { putSegment } from '../../test/support/archive-objects.ts';
import { NODE } from '../../test/support/run-command.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { chatHistory } from '../lib/chat-history.ts';
import { mebibytes, median, printTable, thousands } from '../lib/report.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const MESSAGES = Number(process.env.BENCH_MESSAGES ?? 2_000_000);
const ROUNDS = 3;
const START_MS = Date.UTC(2026, 10, 1);
const WATCH_MS = 20;
const CHATLOG = `"${NODE}" "${MAIN}" pull --quiet`;

export async function pull(): Promise<void> {
  await speed();
  await memory();
}

interface MadeArchive {
  directory: string;
  messages: number;
  channels: number;
  days: number;
  compression: 'zstd' | 'gzip';
}

/** Bytes of its lines. */
async function makeArchive({
  directory,
  messages,
  channels,
  days,
  compression,
}: MadeArchive): Promise<number> {
  const store = await createDirectoryObjectStore(directory);
  const history = { messages, channels, startMs: START_MS, hours: 24 * days, users: 50_000 };
  let bytes = 0;
  for (const { channel, startMs, lines } of chatHistory(history)) {
    await putSegment(store, { platform: 'twitch', channel, startMs, compression }, lines.map(String));
    bytes += lines.reduce((sum, { length }) => sum + length + 1, 0);
  }
  return bytes;
}

async function speed(): Promise<void> {
  await using work = await tempDir('bench-pull');
  const of = (compression: 'zstd' | 'gzip') => work.join(compression);
  let bytes = 0;
  for (const compression of ['zstd', 'gzip'] as const)
    bytes = await makeArchive({
      ...{ directory: of(compression), messages: MESSAGES, channels: 10, days: 1, compression },
    });
  const files = (compression: 'zstd' | 'gzip') =>
    `find "${of(compression)}" -name "*.jsonl.*" -not -path "*/.chatlog/*"`;
  const ways: [name: string, command: string][] = [
    ['zcat | grep -c (gzip)', `${files('gzip')} | xargs zcat | grep -c KEKW`],
    ['zstdcat | grep -c (zstd)', `${files('zstd')} | xargs zstdcat | grep -c KEKW`],
    ['pull (gzip)', `${CHATLOG} --archive "${of('gzip')}" --output - > /dev/null`],
    ['pull (zstd)', `${CHATLOG} --archive "${of('zstd')}" --output - > /dev/null`],
    ['pull | grep -c (zstd)', `${CHATLOG} --archive "${of('zstd')}" | grep -c KEKW`],
    [
      'pull to a folder (zstd)',
      `${CHATLOG} --archive "${of('zstd')}" --output "${work.join('out')}" --force; rm -r "${work.join('out')}"`,
    ],
    ['pull as CSV (zstd)', `${CHATLOG} --archive "${of('zstd')}" --format csv > /dev/null`],
    [
      'zstdcat | jq -r .message (zstd), a tenth',
      `${files('zstd')} | grep channel_003 | xargs zstdcat | jq -r .message > /dev/null`,
    ],
  ];
  const seconds = ways.map((): number[] => []);
  const processor = ways.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++)
    for (const [index, [, command]] of ways.entries()) {
      const took = await timed(command);
      seconds[index]!.push(took.seconds);
      processor[index]!.push(took.cpuSeconds);
    }
  printTable(
    `${thousands(MESSAGES)} messages of one day in 10 channels, ${mebibytes(bytes)} MiB of lines`,
    ['', 'seconds', 'MiB/s of lines', 'processor seconds'],
    ways.map(([name], index) => {
      const part = name.endsWith('a tenth') ? channelShare() : 1;
      const took = median(seconds[index]!);
      const rate = (bytes * part) / 2 ** 20 / took;
      return [name, took.toFixed(2), rate.toFixed(0), median(processor[index]!).toFixed(2)];
    }),
  );
}

/** Of the lines that are of the channel that jq reads: Zipf's fourth of ten. */
function channelShare(): number {
  const weights = Array.from({ length: 10 }, (_, index) => 1 / (index + 1));
  return weights[3]! / weights.reduce((a, b) => a + b);
}

async function timed(command: string): Promise<{ seconds: number; cpuSeconds: number }> {
  const startedMs = performance.now();
  // `times` of the shell: what its children took.
  const shell = spawn('bash', ['-c', `${command}; times`], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [printed] = await Promise.all([text(shell.stdout), once(shell, 'close')]);
  const seconds = (performance.now() - startedMs) / 1000;
  const children = printed.trim().split('\n').at(-1)!;
  const cpuSeconds = [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, rest]) => sum + Number(minutes) * 60 + Number(rest),
    0,
  );
  return { seconds, cpuSeconds };
}

async function memory(): Promise<void> {
  const rows: string[][] = [];
  for (const channels of [3, 300]) {
    for (const days of [1, 8]) {
      await using work = await tempDir('bench-pull');
      const directory = work.join('archive');
      const messages = (MESSAGES / 8) * days;
      const bytes = await makeArchive({ directory, messages, channels, days, compression: 'zstd' });
      const peaks = [];
      for (const output of ['all.jsonl', 'all.csv.zst', 'folder'])
        peaks.push(await peakBytes(['--archive', directory, '--output', join(work.path, output)]));
      rows.push([
        `${days === 1 ? '1 day' : `${days} days`} of ${channels} channels`,
        mebibytes(bytes),
        ...peaks.map((peak) => (peak / 2 ** 20).toFixed(0)),
      ]);
    }
  }
  printTable(
    'Peak resident memory of pull, MiB',
    ['', 'MiB of lines', 'one file', 'one CSV, compressed', 'a folder'],
    rows,
  );
}

async function peakBytes(args: readonly string[]): Promise<number> {
  const child = spawn(NODE, [MAIN, 'pull', '--quiet', ...args], { stdio: 'ignore' });
  const ended = once(child, 'close').then(([code]) => {
    if (code !== 0) throw new Error(`pull ended with code ${code}`);
  });
  let peak = 0;
  while (child.exitCode === null) {
    peak = Math.max(peak, highWaterBytes(child.pid!));
    await sleep(WATCH_MS);
  }
  await ended;
  return peak;
}

function highWaterBytes(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    // Ended meanwhile.
    return 0;
  }
}
