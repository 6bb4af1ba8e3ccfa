import { readFile } from 'node:fs/promises';
import { zstdDecompressSync } from 'node:zlib';
import { parquetReadObjects } from 'hyparquet';
import { expect, test } from 'vitest';
import { writeObjectBody } from '../../../test/support/segments.ts';
import { tempDir } from '../../../test/support/temp-dir.ts';
import type { ChatEvent } from '../../event.ts';
import { ExportFile } from '../../index/retention/steps/export-file.ts';
import { writeParquet } from '../../index/retention/steps/write-parquet.ts';
import { createDirectoryObjectStore } from '../../storage/directory-object-store.ts';
import { LinesTally } from '../../uploading/lines-tally.ts';
import { makeDecision, personDigests } from '../decision.ts';
import { exportPrefixes, forgetExports } from './forget-exports.ts';
import type { ObjectReport } from './forget-objects.ts';
import { type ForgettingDecision, lineJudge } from './line-judge.ts';

const never = new AbortController().signal;
const startMs = Date.UTC(2026, 10, 21, 13);

function lineOf(who: 'ann' | 'bob', message: string, second: number): string {
  const event: ChatEvent = {
    timestamp: new Date(startMs + second * 1000).toISOString(),
    channel: 'x',
    ...{ username: who, user_id: who === 'ann' ? '7' : '8', message, platform: 'twitch' },
    // The order of such members does not survive being parsed.
    tags: { b: 'x', 10: 'y', a: 'z' },
  };
  return JSON.stringify(event).replace('"10":"y","b":"x","a":"z"', '"b":"x","10":"y","a":"z"');
}

const lines = [lineOf('bob', 'hello', 1), lineOf('ann', 'zq-secret', 2), lineOf('bob', 'hi @ann', 3)];

async function exported(path: string, texts: readonly string[]) {
  const rows = texts.map((line) => {
    const timestamp = new Date((JSON.parse(line) as ChatEvent).timestamp);
    return { timestamp, deleted_at: new Date(startMs), status: 'sent', line };
  });
  const tally = new LinesTally();
  const file = await ExportFile.create(path);
  await writeParquet(
    (async function* () {
      yield rows;
    })(),
    file,
    tally,
  );
  const description = { ...tally.finish(), ...(await file.finish()), formatVersion: 1, instance: 'i' };
  await file.close();
  return { path, description };
}

test('what pipelines exported loses the lines of a person, as JSON Lines and as Parquet', async () => {
  await using dir = await tempDir('exports');
  const store = await createDirectoryObjectStore(dir.join('archive'));
  const day = (channel: string, extension: string) =>
    `exports/daily/2026/11/21/twitch/${channel}.${extension}`;
  const text = Buffer.from(lines.map((line) => `${line}\n`).join(''));
  await store.put(day('x', 'jsonl.zst'), await writeObjectBody(dir.join('1'), text), never);
  await store.put(day('x', 'parquet'), await exported(dir.join('2'), lines), never);
  await store.put(day('theirs', 'parquet'), await exported(dir.join('3'), [lines[1]!]), never);
  await store.put(day('others', 'parquet'), await exported(dir.join('4'), [lines[0]!]), never);
  const untouched = (await store.head(day('others', 'parquet'), never))?.description;

  const user = personDigests('twitch', '7', ['ann']);
  const decision = makeDecision(
    { kind: 'forget', platform: 'twitch', user, by: 'test' },
    startMs + 3_600_000,
  );
  const judge = lineJudge(decision as ForgettingDecision);
  const reports: ObjectReport[] = [];
  const forget = () =>
    forgetExports({
      store,
      judge,
      scratch: dir.path,
      prefixes: ['exports/'],
      signal: never,
      onObject: (one) => reports.push(one),
    });
  await forget();
  expect(reports).toEqual([
    { key: day('others', 'parquet'), removed: 0, blanked: 0 },
    { key: day('theirs', 'parquet'), removed: 1, blanked: 0 },
    { key: day('x', 'jsonl.zst'), removed: 1, blanked: 1 },
    { key: day('x', 'parquet'), removed: 1, blanked: 1 },
  ]);
  expect(await store.head(day('theirs', 'parquet'), never)).toBeUndefined();
  expect((await store.head(day('others', 'parquet'), never))?.description).toEqual(untouched);
  const plain = zstdDecompressSync(await readFile(dir.join('archive', day('x', 'jsonl.zst')))).toString();
  expect(plain.split('\n')[0]).toBe(lines[0]);
  expect(plain).not.toMatch(/zq-secret|"ann"|@ann/);

  const bytes = await readFile(dir.join('archive', day('x', 'parquet')));
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  const rows = await parquetReadObjects({
    file,
    compressors: { ZSTD: (input) => zstdDecompressSync(input) },
  });
  expect(rows.map(({ username, message, status }) => ({ username, message, status }))).toEqual([
    { username: 'bob', message: 'hello', status: 'sent' },
    { username: 'bob', message: 'hi @***', status: 'sent' },
  ]);
  expect(rows[0]!.deleted_at).toEqual(new Date(startMs));
  expect((await store.head(day('x', 'parquet'), never))?.description).toMatchObject({
    lines: 2,
    instance: 'i',
  });

  reports.length = 0;
  await forget();
  expect(reports.every(({ removed, blanked }) => removed + blanked === 0)).toBe(true);
});

test('exports are looked for below every prefix that the configuration names', () => {
  const step = { step: 'export', format: 'jsonl', prefix: 'elsewhere/' } as const;
  expect(exportPrefixes({ pipelines: { one: [step, { ...step, prefix: 'exports/' }] } })).toEqual([
    'exports/',
    'elsewhere/',
  ]);
});
