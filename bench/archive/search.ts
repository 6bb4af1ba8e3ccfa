/**
 * How fast `chatlog search` looks through an archive beside `zcat | grep -c` and `zcat | jq` over the same gzip files, in turns;
 * and the memory that it takes for a day and for eight.
 */
import { tempDir } from '../../test/support/temp-dir.ts';
import { makeArchive } from '../lib/chat-archive.ts';
import { userName } from '../lib/chat-history.ts';
import { mebibytes, printTable, thousands } from '../lib/report.ts';
import { CHATLOG, peakBytes, timedInTurns } from '../lib/timed-command.ts';

const MESSAGES = Number(process.env.BENCH_MESSAGES ?? 2_000_000);
const ROUNDS = 3;
const USER = userName(1_000);

export async function search(): Promise<void> {
  await speed();
  await memory();
}

async function speed(): Promise<void> {
  await using work = await tempDir('bench-search');
  const directory = work.join('gzip');
  const bytes = await makeArchive({
    directory,
    messages: MESSAGES,
    channels: 10,
    days: 1,
    compression: 'gzip',
  });
  const zcat = `find "${directory}" -name "*.jsonl.gz" -not -path "*/.chatlog/*" | xargs zcat`;
  const found = `${CHATLOG} search --quiet --archive "${directory}"`;
  const ways = [
    ['zcat | grep -c KEKW', `${zcat} | grep -c KEKW`],
    ['search --count KEKW', `${found} --count KEKW`],
    ['search KEKW', `${found} KEKW > /dev/null`],
    ['zcat | grep -ci lol', `${zcat} | grep -ci lol`],
    ['search --count lol', `${found} --count lol`],
    ['zcat | grep -c e (in all lines)', `${zcat} | grep -c e`],
    ['search --count -s e (in a third of the texts)', `${found} --count -s e`],
    ['zcat | grep -cE "https?://[a-z.]+/"', `${zcat} | grep -cE "https?://[a-z.]+/"`],
    ['search --count -e "https?://[a-z.]+/"', `${found} --count -e "https?://[a-z.]+/"`],
    ['zcat | grep -cP "\\d{7}"', `${zcat} | grep -cP "\\d{7}"`],
    ['search --count -e "\\d{7}"', `${found} --count -e "\\d{7}"`],
    [`zcat | jq select(.username)`, `${zcat} | jq -c 'select(.username == "${USER}")' > /dev/null`],
    [`search --user --json`, `${found} --user ${USER} --json > /dev/null`],
    ['zcat | jq select(.type)', `${zcat} | jq -c 'select(.type == "timeout")' > /dev/null`],
    ['search --type --json', `${found} --type timeout --json > /dev/null`],
  ] as const;
  const taken = await timedInTurns(ways, ROUNDS);
  printTable(
    `${thousands(MESSAGES)} messages of one day in 10 channels, ${mebibytes(bytes)} MiB of lines, gzip`,
    ['', 'seconds', 'MiB/s of lines', 'processor seconds'],
    taken.map(({ name, seconds, cpuSeconds }) => {
      const rate = bytes / 2 ** 20 / seconds;
      return [name, seconds.toFixed(2), rate.toFixed(0), cpuSeconds.toFixed(2)];
    }),
  );
}

async function memory(): Promise<void> {
  const rows: string[][] = [];
  for (const days of [1, 8]) {
    await using work = await tempDir('bench-search');
    const directory = work.join('archive');
    const messages = (MESSAGES / 8) * days;
    const bytes = await makeArchive({ directory, messages, channels: 30, days, compression: 'zstd' });
    const peaks = [];
    for (const args of [['KEKW'], ['e'], ['e', '--count'], ['e', '--reverse'], ['KEKW', '--context', '3']])
      peaks.push(await peakBytes(['search', '--quiet', '--archive', directory, ...args]));
    const peaksMiB = peaks.map((peak) => (peak / 2 ** 20).toFixed(0));
    rows.push([days === 1 ? '1 day' : `${days} days`, mebibytes(bytes), ...peaksMiB]);
  }
  printTable(
    'Peak resident memory of search in 30 channels, MiB',
    ['', 'MiB of lines', 'KEKW', 'e', 'e --count', 'e --reverse', 'KEKW --context 3'],
    rows,
  );
}
