/**
 * What a message takes in storage before and after `chatlog compact`: a busy channel's day (`replicated-day.ts`), with its
 * texts as they were said and with texts that never come again as a whole. The hours are compressed by the uploader's own
 * code; days and Parquet are what the command makes of them.
 */
import { cp, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { objectKey, segmentFile } from '../../src/segment-name.ts';
import { openSpool } from '../../src/spool.ts';
import { createDirectoryObjectStore } from '../../src/storage/directory-object-store.ts';
import { compressSegment } from '../../src/uploading/compress-segment.ts';
import { CORPUS_CHANNEL } from '../../test/support/corpus.ts';
import { NODE } from '../../test/support/run-command.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { measureCommand } from '../lib/measured-command.ts';
import { mebibytes, printTable, thousands } from '../lib/report.ts';
import { replicatedDay } from './replicated-day.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const COPIES = Number(process.env.BENCH_COPIES ?? 48);
const LEVELS = (process.env.BENCH_LEVELS ?? '12,15,17,19').split(',');
const START_MS = Date.UTC(2026, 10, 20);
const HOUR_MS = 3_600_000;
const STAYING = 0.75;
const never = new AbortController().signal;

export async function compact(): Promise<void> {
  for (const texts of ['said', 'dealt'] as const) await compactDay(texts);
}

async function compactDay(texts: 'said' | 'dealt'): Promise<void> {
  await using work = await tempDir('bench-compact');
  const hours = hoursOf(texts);
  const messages = hours.reduce((sum, lines) => sum + lines.length, 0);
  const linesBytes = hours.reduce(
    (sum, lines) => sum + lines.reduce((all, line) => all + Buffer.byteLength(line) + 1, 0),
    0,
  );
  const perMessage = (bytes: number) => (bytes / messages).toFixed(1);
  const rows = [['lines', perMessage(linesBytes), '', '', '']];
  for (const compression of ['gzip', 'zstd'] as const)
    rows.push([
      `hours, ${compression} as recorded`,
      perMessage(await record(hours, compression, work.join(compression))),
      ...['', '', ''],
    ]);
  for (const [index, level] of LEVELS.entries()) {
    const archive = work.join(`level-${level}`);
    await cp(work.join('zstd', 'archive'), archive, { recursive: true });
    // Parquet costs the same at every level: it is made once.
    const parquet = index === LEVELS.length - 1;
    const options = ['--archive', archive, '--level', level, '--older-than', '0d', '--quiet'];
    const plain = await measureCommand(NODE, [MAIN, 'compact', ...options], { TMPDIR: work.path });
    const measured = [plain.seconds.toFixed(0), plain.cpuSeconds.toFixed(0), mebibytes(plain.peakBytes)];
    const day = `${archive}/2026/11/20/twitch/${CORPUS_CHANNEL}/twitch_${CORPUS_CHANNEL}_20261120_0000-day.jsonl.zst`;
    rows.push([`day, zstd level ${level}`, perMessage((await stat(day)).size), ...measured]);
    if (parquet) {
      const table = await measureCommand(NODE, [MAIN, 'compact', ...options, '--parquet'], {
        TMPDIR: work.path,
      });
      const path = `${archive}/parquet/dt=2026-11-20/platform=twitch/${CORPUS_CHANNEL}.parquet`;
      rows.push([
        'Parquet beside it',
        perMessage((await stat(path)).size),
        ...[table.seconds.toFixed(0), table.cpuSeconds.toFixed(0), mebibytes(table.peakBytes)],
      ]);
    }
    await rm(archive, { recursive: true });
  }
  printTable(
    `Bytes a message: ${thousands(messages)} messages of one day, ${mebibytes(linesBytes)} MiB of lines, texts ${texts}`,
    ['', 'bytes a message', 'seconds', 'processor seconds', 'peak MiB'],
    rows,
  );
}

function hoursOf(texts: 'said' | 'dealt'): string[][] {
  const hours: string[][] = Array.from({ length: 24 }, () => []);
  for (const lines of replicatedDay({ copies: COPIES, startMs: START_MS, staying: STAYING, texts }))
    for (const line of lines) hours[new Date(timeOf(line)).getUTCHours()]!.push(line);
  return hours;
}

function timeOf(line: string): string {
  return line.slice('{"timestamp":"'.length, '{"timestamp":"2026-11-20T00:00:00.000Z'.length);
}

/** As the recorder and its uploader would; the stored bytes. */
async function record(
  hours: readonly string[][],
  compression: 'gzip' | 'zstd',
  directory: string,
): Promise<number> {
  const spool = await openSpool(`${directory}/data`);
  await mkdir(`${directory}/archive`, { recursive: true });
  const store = await createDirectoryObjectStore(`${directory}/archive`);
  const origin = { instance: '', formatVersion: 1 };
  let bytes = 0;
  for (const [hour, lines] of hours.entries()) {
    const name = {
      platform: 'twitch',
      channel: CORPUS_CHANNEL,
      startMs: START_MS + hour * HOUR_MS,
      suffix: '',
    };
    const plain = segmentFile(name, 'none');
    await writeFile(spool.path('sealed', plain), lines.map((line) => `${line}\n`).join(''));
    const { file, description } = await compressSegment(spool, plain, { compression, origin }, never);
    await store.put(objectKey(file)!, { path: spool.path('sealed', file), description }, never);
    bytes += description.objectBytes;
  }
  return bytes;
}
