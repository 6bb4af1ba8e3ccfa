/**
 * How fast `chatlog pull` gives an archive's lines back beside `zcat | grep -c` and `zstdcat | grep -c` over the same objects,
 * in turns; and the memory that it takes for a day and for eight, for few channels and for many.
 */
import { join } from 'node:path';
import { tempDir } from '../../test/support/temp-dir.ts';
import { makeArchive } from '../lib/chat-archive.ts';
import { mebibytes, printTable, thousands } from '../lib/report.ts';
import { CHATLOG, peakBytes, timedInTurns } from '../lib/timed-command.ts';

const MESSAGES = Number(process.env.BENCH_MESSAGES ?? 2_000_000);
const ROUNDS = 3;
const PULL = `${CHATLOG} pull --quiet`;

export async function pull(): Promise<void> {
  await speed();
  await memory();
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
    ['pull (gzip)', `${PULL} --archive "${of('gzip')}" --output - > /dev/null`],
    ['pull (zstd)', `${PULL} --archive "${of('zstd')}" --output - > /dev/null`],
    ['pull | grep -c (zstd)', `${PULL} --archive "${of('zstd')}" | grep -c KEKW`],
    [
      'pull to a folder (zstd)',
      `${PULL} --archive "${of('zstd')}" --output "${work.join('out')}" --force; rm -r "${work.join('out')}"`,
    ],
    ['pull as CSV (zstd)', `${PULL} --archive "${of('zstd')}" --format csv > /dev/null`],
    [
      'zstdcat | jq -r .message (zstd), a tenth',
      `${files('zstd')} | grep channel_003 | xargs zstdcat | jq -r .message > /dev/null`,
    ],
  ];
  const taken = await timedInTurns(ways, ROUNDS);
  printTable(
    `${thousands(MESSAGES)} messages of one day in 10 channels, ${mebibytes(bytes)} MiB of lines`,
    ['', 'seconds', 'MiB/s of lines', 'processor seconds'],
    taken.map(({ name, seconds, cpuSeconds }) => {
      const part = name.endsWith('a tenth') ? channelShare() : 1;
      const rate = (bytes * part) / 2 ** 20 / seconds;
      return [name, seconds.toFixed(2), rate.toFixed(0), cpuSeconds.toFixed(2)];
    }),
  );
}

/** Of the lines that are of the channel that jq reads: Zipf's fourth of ten. */
function channelShare(): number {
  const weights = Array.from({ length: 10 }, (_, index) => 1 / (index + 1));
  return weights[3]! / weights.reduce((a, b) => a + b);
}

export async function memory(): Promise<void> {
  const rows: string[][] = [];
  for (const channels of [3, 100]) {
    for (const days of [1, 8]) {
      await using work = await tempDir('bench-pull');
      const directory = work.join('archive');
      const messages = (MESSAGES / 8) * days;
      const bytes = await makeArchive({ directory, messages, channels, days, compression: 'zstd' });
      const peaks = [];
      for (const output of ['all.jsonl', 'all.csv.zst', 'folder'])
        peaks.push(
          await peakBytes(['pull', '--quiet', '--archive', directory, '--output', join(work.path, output)]),
        );
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
