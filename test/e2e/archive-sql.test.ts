/** `chatlog sql` over archives in a directory and on S3. */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { zstdCompressSync } from 'node:zlib';
import { HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { EVERYTHING } from '../../src/archive/selection.ts';
import { DUCKDB_VERSION } from '../../src/archive/sql/duckdb.ts';
import { gatherFiles } from '../../src/archive/sql/gather-files.ts';
import { configSchema } from '../../src/config/schema.ts';
import type { ChatEvent } from '../../src/event.ts';
import { makeDecision, personDigests } from '../../src/privacy/decision.ts';
import { decisionArchive } from '../../src/privacy/decision-places.ts';
import { createObjectStore } from '../../src/storage/create-object-store.ts';
import { createDirectoryObjectStore } from '../../src/storage/directory-object-store.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { modelLines } from '../support/archive-model.ts';
import { archiveLines, putDay, putSegment } from '../support/archive-objects.ts';
import { silentLog } from '../support/recorder-fixture.ts';
import { type CommandResult, chatlog } from '../support/run-command.ts';
import { chatlogInTerminal } from '../support/run-in-terminal.ts';
import { startS3 } from '../support/s3-server.ts';
import { sampleLines } from '../support/sql-sample.ts';
import { type TempDir, tempDir } from '../support/temp-dir.ts';

const signal = new AbortController().signal;
const { first, second } = sampleLines();
const model = modelLines([first, second]).map((line) => JSON.parse(line) as ChatEvent);
let directory: TempDir;
let scratch: string;

beforeAll(async () => {
  directory = await tempDir('sql');
  scratch = directory.join('scratch');
  await mkdir(scratch);
  // Where the commands put what they need for a while.
  process.env.TMPDIR = scratch;
  await fill(await createDirectoryObjectStore(directory.join('archive')));
});
afterAll(() => directory[Symbol.asyncDispose]());

async function fill(store: ObjectStore): Promise<void> {
  await archiveLines(store, [first, second], (index) => (index % 2 === 0 ? 'zstd' : 'gzip'));
}

function sql(...args: string[]): Promise<CommandResult> {
  return chatlog(directory.path, 'sql', '--archive', 'archive', ...args);
}

async function rows(...args: string[]): Promise<Record<string, unknown>[]> {
  const { code, stdout, stderr } = await sql('--format', 'jsonl', ...args);
  if (code !== 0) throw new Error(stderr);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('each line of several recorders is there once, with every member in its column', async () => {
  const found = await rows('select * from chat order by timestamp');
  expect(found).toHaveLength(model.length);
  for (const [index, event] of model.entries()) {
    const row = Object.fromEntries(Object.entries(found[index]!).filter(([, value]) => value !== null));
    const {
      timestamp,
      received_at: receivedAt,
      type,
      future: _,
      ...members
    } = event as ChatEvent & { future?: unknown };
    const timeOf = (text: string) => text.replace('T', ' ').replace(/\.?0*Z$/, '');
    expect(row).toEqual({
      ...members,
      type: type ?? 'message',
      timestamp: timeOf(timestamp),
      // Of two copies that were merged the one received first.
      received_at: timeOf(receivedAt!),
    });
  }
  expect(
    await rows(
      "select line->'$.future.x' as x, file like '%.jsonl%' as f from lines where (line->'$.future') is not null",
    ),
  ).toEqual([{ x: 1, f: true }]);
});

test('it is about what was chosen: channel, time, user', async () => {
  const since = '2026-11-20T11:30:00.000Z';
  const until = '2026-11-20T17:10:00.000Z';
  const [row] = await rows(
    ...['--channel', 'XQ*', '--since', since, '--until', until, '--user', 'user3'],
    "select count(*) as n, count(*) filter (type = 'ban') as bans from chat",
  );
  const wanted = model.filter(
    ({ channel, username, target, timestamp }) =>
      channel === 'xqc' &&
      (username === 'user3' || target === 'user3') &&
      timestamp >= since &&
      timestamp < until,
  );
  expect(row).toEqual({ n: wanted.length, bans: wanted.filter(({ type }) => type === 'ban').length });
  const nothing = await sql('--channel', 'nobody', 'select count(*) as n from chat');
  expect(nothing).toEqual({
    code: 0,
    stdout: 'n\n0\n',
    stderr: 'There is nothing in the archive for this selection.\n',
  });
});

test('in a pipe it is CSV, for a terminal a table that escapes what terminals obey, and Parquet goes to a file', async () => {
  const query = "select username, message, badges from chat where id in ('id-5', 'id-4') order by timestamp";
  expect((await sql(query)).stdout).toBe(
    'username,message,badges\n' +
      'user4,"hello 4 \u{1F44B}\u001b[31m, ""quoted""",\n' +
      'user5,"hello 5 \u{1F44B}\u001b[31m, ""quoted""","[""moderator/1""]"\n',
  );
  const table = await sql('--format', 'table', query);
  expect(table.stderr).toBe('2 rows\n');
  expect(table.stdout).toContain('user4     hello 4 \u{1F44B}\\u001b[31m, "quoted"  NULL\n');
  expect((await sql('--format', 'json', 'select 1 as a, null as b')).stdout).toBe(
    '[\n  {"a":1,"b":null}\n]\n',
  );
  const written = await sql('--output', 'out.parquet', '--last', '30d', 'select 1 as a; -- once');
  expect(written).toMatchObject({ code: 0, stderr: expect.stringContaining('1 row in out.parquet') });
  expect(await rows('--allow-files', "select * from 'out.parquet'")).toEqual([{ a: 1 }]);
  await writeFile(
    directory.join('two.sql'),
    'create table t as select count(*) as n from chat;\nselect n + 1 as m from t;\n',
  );
  expect(await rows('--file', 'two.sql')).toEqual([{ m: model.length + 1 }]);
  expect((await readdir(directory.path)).sort()).toEqual(['archive', 'out.parquet', 'scratch', 'two.sql']);
  expect((await sql('--schema')).stdout).toMatch(/^COLUMN +TYPE +MEANING\ntimestamp +TIMESTAMP/);
});

test('a terminal obeys nothing of what was recorded, and a file has nothing of a terminal in it', async () => {
  const query = "select message || chr(155) || chr(8238) as message from chat where id = 'id-5'";
  const inTerminal = (...args: string[]) =>
    chatlogInTerminal(directory.path, 'sql', '--quiet', '--archive', 'archive', ...args);
  for (const format of ['csv', 'json', 'jsonl', 'table']) {
    const shown = await inTerminal('--format', format, query);
    expect(shown, format).toContain('hello 5 \u{1F44B}\\u001b[31m');
    expect(shown, format).toContain('\\u009b\\u202e');
    expect(shown, format).not.toMatch(/\u001b\[31m|[\u009b\u202e]/);
  }
  await inTerminal('--output', 'report.txt', 'select username, moderator from chat limit 1');
  const report = await readFile(directory.join('report.txt'), 'utf8');
  await rm(directory.join('report.txt'));
  expect(report).toMatch(/^username +moderator\n/);
  const { stderr } = await sql("select error(message) from chat where id = 'id-5'");
  expect(stderr).toContain('hello 5 \u{1F44B}\\u001b[31m');
  expect(stderr).not.toContain('\u001b');
});

test('CSV and tables have the digits that are stored, JSON has members', async () => {
  const query = `select '{"a": 12345678901234567890, "b": 1.0}'::json as j, 1.10::decimal(30, 20) as d, 1.5 as e, 2::double as f`;
  expect((await sql('--format', 'csv', query)).stdout).toBe(
    'j,d,e,f\n"{""a"": 12345678901234567890, ""b"": 1.0}",1.10000000000000000000,1.5,2\n',
  );
  expect((await sql('--format', 'table', query)).stdout).toMatch(
    /\n\{"a": 12345678901234567890, "b": 1\.0\} +1\.10000000000000000000 +1\.5 +2\n$/,
  );
  expect(await rows("select '[1]'::json as j, 1.10 as d")).toEqual([{ j: [1], d: 1.1 }]);
});

test('a statement reads the chosen files alone and writes none', async () => {
  await writeFile(directory.join('secret.csv'), 'a\n1\n');
  const object = directory.join('archive/2026/11/20/twitch/forsen/twitch_forsen_20261120_1000.jsonl.zst');
  const before = await readFile(object);
  for (const query of [
    `select * from read_csv('${directory.join('secret.csv')}')`,
    "select * from glob('*')",
    "copy (select 1) to 'x.csv'",
    `copy (select 1) to '${object}' (format csv, use_tmp_file false)`,
    `explain analyze copy (select 1) to '${object}' (format csv, use_tmp_file false)`,
    `prepare p as copy (select 1) to '${object}' (format csv, use_tmp_file false); execute p`,
    "attach 'x.db'",
    "export database 'x'",
    'set enable_external_access = true',
    'install httpfs',
  ]) {
    const { code, stdout } = await sql(query);
    expect([code, stdout], query).toEqual([1, '']);
    expect(await readFile(object), query).toEqual(before);
  }
  expect((await readdir(directory.path)).filter((name) => name.startsWith('x'))).toEqual([]);
  expect((await sql('explain select * from chat')).code).toBe(0);
  const pivoted = await rows('pivot chat on type using count(*) group by channel order by channel');
  expect(pivoted.map(({ channel }) => channel)).toEqual(['forsen', 'xqc']);
});

test('what is wrong is said, with what to do about it', async () => {
  expect(await sql('select usrname from chat')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /Referenced column "usrname"[\s\S]*"chatlog sql --schema" lists the columns\.\n$/,
    ),
  });
  expect(await sql('select * from messages')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('The view is named chat'),
  });
  expect(await sql('selct 1')).toMatchObject({ code: 1, stderr: expect.stringContaining('syntax error') });
  expect(await sql('--memory', 'much', '--threads', '0', '--since', 'x', 'select 1')).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/--since.*\n--memory.*\n--threads/),
  });
  const packageFile = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
    optionalDependencies: Record<string, string>;
  };
  expect(packageFile.optionalDependencies['@duckdb/node-api']).toBe(DUCKDB_VERSION);
});

test('it comes to its end where what has to be merged cannot be written', async () => {
  await using place = await tempDir('sql');
  const store = await createDirectoryObjectStore(place.join('archive'));
  const recorders = [1, 2].map((recorder) =>
    Array.from({ length: 400 }, (_, index) =>
      JSON.stringify({
        timestamp: new Date(Date.UTC(2026, 10, 20) + index * 600_000).toISOString(),
        channel: 'long',
        message: `${recorder} ${'x'.repeat(50_000)}`,
        platform: 'irc-a',
      }),
    ),
  );
  await archiveLines(store, recorders);
  const gathered = gatherFiles({
    ...{ store, selection: EVERYTHING, decisions: [], cache: undefined, signal },
    ...{ scratch: place.join('nowhere'), onProgress() {} },
  });
  await expect(gathered).rejects.toMatchObject({ code: 'ENOENT' });
}, 30_000);

test('people who opted out are not there, nor lines that are no JSON, which are counted', async () => {
  await using place = await tempDir('sql');
  const store = await createDirectoryObjectStore(place.join('archive'));
  await fill(store);
  const odd = [
    'no json',
    '{"timestamp":"2026-11-20T09:00:00.000Z","channel":5,"message":"x","duration_seconds":"long","platform":"irc-a"}',
    '[]',
    '{"timestamp":"2026-11-20T09:00:01',
  ];
  const key = '2026/11/20/irc-a/x/irc-a_x_20261120_0900.jsonl.zst';
  await putSegment(store, { platform: 'irc-a', channel: 'x', startMs: Date.UTC(2026, 10, 20, 9) }, [
    '{"timestamp":"2026-11-20T09:00:00.000Z"}',
  ]);
  await writeFile(place.join('archive', key), zstdCompressSync(`${odd.join('\n')}\n`));
  const ask = async (query: string) => {
    const { stdout, stderr, code } = await chatlog(
      place.path,
      'sql',
      '--archive',
      'archive',
      '--format',
      'jsonl',
      query,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  };
  expect(await ask("select channel, message, duration_seconds from chat where platform = 'irc-a'")).toEqual([
    { channel: '5', message: 'x', duration_seconds: null },
  ]);
  expect(await ask('select lines from unreadable')).toEqual([{ lines: 3 }]);
  const all = { n: model.length, u: model.filter(({ username }) => username === 'user3').length };
  const count =
    "select count(*) as n, count(*) filter (username = 'user3' or target = 'user3') as u from chat where platform = 'twitch'";
  expect((await ask(count))[0]).toMatchObject({ n: all.n });
  const decision = makeDecision(
    { kind: 'opt_out', platform: 'twitch', by: 'test', user: personDigests('twitch', '3', ['user3']) },
    Date.now(),
  );
  await decisionArchive(store).write(decision, JSON.stringify(decision), signal);
  expect((await ask(count))[0]).toEqual({
    n: model.filter(({ username, target }) => username !== 'user3' && target !== 'user3').length,
    u: 0,
  });
});

test('a day object beside its hours changes nothing', async () => {
  await using place = await tempDir('sql');
  const store = await createDirectoryObjectStore(place.join('a [b]* c'));
  await fill(store);
  await putDay(
    store,
    modelLines([first, second], ({ channel }) => channel === 'xqc'),
  );
  const { stdout } = await chatlog(
    place.path,
    'sql',
    '--archive',
    'a [b]* c',
    'select count(*), count(distinct id) from chat',
  );
  expect(stdout).toBe(
    `count_star(),count(DISTINCT id)\n${model.length},${model.filter(({ id }) => id).length}\n`,
  );
});

test('on S3 objects are fetched, checked and, where asked for, kept; damaged ones are named and still read', async () => {
  const s3 = await startS3();
  await using place = await tempDir('sql');
  const bucket = await s3.createBucket();
  const section = { ...s3.s3Config(bucket), prefix: 'logs/' };
  await writeFile(place.join('config.yaml'), stringify({ s3: section }));
  const store = createObjectStore(configSchema.parse({ s3: section }), silentLog);
  try {
    await fill(store);
    const damaged = await putSegment(
      store,
      { platform: 'irc-a', channel: 'x', startMs: Date.UTC(2026, 10, 20, 9) },
      ['{"timestamp":"2026-11-20T09:00:00.000Z","platform":"irc-a","message":"flipped"}'],
    );
    const client = new S3Client({
      endpoint: s3.endpoint,
      region: s3.region,
      forcePathStyle: true,
      credentials: { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey },
    });
    const { Metadata } = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: `logs/${damaged}` }));
    const Body = zstdCompressSync(
      '{"timestamp":"2026-11-20T09:00:00.000Z","platform":"irc-a","message":"other"}\n',
    );
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: `logs/${damaged}`, Body, Metadata }));
    client.destroy();
    const query = 'select platform, count(*) from chat group by all order by 1';
    const ask = (...args: string[]) => chatlog(place.path, 'sql', ...args, query);
    const expected = `platform,count_star()\nirc-a,1\ntwitch,${model.length}\n`;
    expect(await ask()).toEqual({
      code: 1,
      stdout: expected,
      stderr: expect.stringMatching(new RegExp(`^${damaged}: .+\n$`)),
    });
    expect(await ask('--platform', 'twitch', '--cache', 'kept')).toMatchObject({ code: 0, stderr: '' });
    const kept = (await readdir(place.join('kept'), { recursive: true })).filter((name) =>
      /zst$|gz$/.test(name),
    );
    expect(kept.length).toBeGreaterThan(10);
    expect((await readdir(scratch)).filter((name) => name.startsWith('chatlog-sql-'))).toEqual([]);
  } finally {
    store.close();
    await s3.stop();
  }
});
