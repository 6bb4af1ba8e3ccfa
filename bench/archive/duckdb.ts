/**
 * One question, how many messages hold a word, and one about all users, asked of Parquet and of JSON Lines by `chatlog sql`,
 * and of JSON Lines by `chatlog search --count`: as commands, start included, one after the other in turns.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { StatefulFormat } from '../../src/archive/formats/format.ts';
import { FORMATS } from '../../src/archive/formats/formats.ts';
import { createDirectoryObjectStore } from '../../src/storage/directory-object-store.ts';
import { putSegment } from '../../test/support/archive-objects.ts';
import { lineBatch } from '../../test/support/line-batch.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { chatHistory } from '../lib/chat-history.ts';
import { mebibytes, median, printTable, thousands } from '../lib/report.ts';

const MESSAGES = Number(process.env.BENCH_MESSAGES ?? 1_000_000);
const ROUNDS = 3;
const START_MS = Date.UTC(2026, 10, 20);
const WORD = 'KEKW';
const COUNT = `message ilike '%${WORD}%'`;
const TOP = 'group by username order by n desc, username limit 10';

export async function duckdb(): Promise<void> {
  await using directory = await tempDir('bench-duckdb');
  const sizes = await makeArchive(directory.path);
  const parquet = `'${directory.join('archive/parquet/*/*/*.parquet')}'`;
  const sql = (...args: string[]) => ['sql', '--archive', 'archive', '--quiet', ...args];
  const ways: [name: string, bytes: number, args: string[]][] = [
    ['count a word: sql, JSON Lines', sizes.jsonl, sql(`select count(*) from chat where ${COUNT}`)],
    [
      'count a word: sql, Parquet',
      sizes.parquet,
      sql('--allow-files', '--until', '1971-01-01', `select count(*) from ${parquet} where ${COUNT}`),
    ],
    ['count a word: search', sizes.jsonl, ['search', '--archive', 'archive', '--count', '--quiet', WORD]],
    ['top users: sql, JSON Lines', sizes.jsonl, sql(`select username, count(*) as n from chat ${TOP}`)],
    [
      'top users: sql, Parquet',
      sizes.parquet,
      sql('--allow-files', '--until', '1971-01-01', `select username, count(*) as n from ${parquet} ${TOP}`),
    ],
  ];
  const seconds = ways.map((): number[] => []);
  const answers = ways.map(() => '');
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, [, , args]] of ways.entries()) {
      const startedMs = performance.now();
      answers[index] = await answer(directory.path, args);
      seconds[index]!.push((performance.now() - startedMs) / 1000);
    }
  }
  printTable(
    `${thousands(MESSAGES)} messages of one day in 20 channels, ${mebibytes(sizes.lines)} MiB of lines`,
    ['', 'stored MiB', 'seconds', 'MiB/s of lines', 'answer'],
    ways.map(([name, bytes], index) => {
      const took = median(seconds[index]!);
      const said = answers[index]!.trim().split('\n').at(-1)!.slice(0, 30);
      return [name, mebibytes(bytes), took.toFixed(2), (sizes.lines / 2 ** 20 / took).toFixed(0), said];
    }),
  );
}

async function makeArchive(directory: string): Promise<{ lines: number; jsonl: number; parquet: number }> {
  const archive = join(directory, 'archive');
  const store = await createDirectoryObjectStore(archive);
  const sizes = { lines: 0, jsonl: 0, parquet: 0 };
  const format = (await FORMATS.parquet()) as StatefulFormat;
  const partition = join(archive, 'parquet/dt=2026-11-20/platform=twitch');
  await mkdir(partition, { recursive: true });
  const days = new Map<string, { writer: ReturnType<StatefulFormat['open']>; parts: Uint8Array[] }>();
  const history = { messages: MESSAGES, channels: 20, startMs: START_MS, hours: 24, users: 20_000 };
  for (const { channel, startMs, lines } of chatHistory(history)) {
    const texts = lines.map((line) => line.toString());
    const key = await putSegment(store, { platform: 'twitch', channel, startMs }, texts);
    sizes.jsonl += (await stat(join(archive, key))).size;
    sizes.lines += lines.reduce((sum, { length }) => sum + length + 1, 0);
    const options = { title: channel, fromMs: undefined, toMs: undefined, hasManyChannels: false };
    const day = days.get(channel) ?? { writer: format.open(options), parts: [] };
    days.set(channel, day);
    day.parts.push(await day.writer.write(lineBatch(lines)));
  }
  for (const [channel, { writer, parts }] of days) {
    const file = Buffer.concat([...parts, await writer.end()]);
    await writeFile(join(partition, `${channel}.parquet`), file);
    sizes.parquet += file.length;
  }
  return sizes;
}

async function answer(cwd: string, args: readonly string[]): Promise<string> {
  const program = new URL('../../dist/main.js', import.meta.url).pathname;
  const child = spawn(process.execPath, [program, ...args], { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  const [said, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  if (code !== 0) throw new Error(`chatlog ${args.join(' ')} ended with ${code}`);
  return said;
}
