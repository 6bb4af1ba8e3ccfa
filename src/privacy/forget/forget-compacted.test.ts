import { zstdDecompressSync } from 'node:zlib';
import { beforeEach, expect, test, vi } from 'vitest';
import { compactAll } from '../../../test/support/compact-world.ts';
import { silentLog } from '../../../test/support/recorder-fixture.ts';
import { putLines, saidLines } from '../../../test/support/stored-lines.ts';
import { type TempDir, tempDir } from '../../../test/support/temp-dir.ts';
import { rowLine } from '../../archive/formats/parquet/line-row.ts';
import { parquetRowGroups } from '../../archive/formats/parquet/read-parquet.ts';
import { configSchema } from '../../config/schema.ts';
import type { ChatEvent } from '../../event.ts';
import { openSpool, type Spool } from '../../spool.ts';
import { collectBytes } from '../../storage/collect-bytes.ts';
import { createDirectoryObjectStore } from '../../storage/directory-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { type Decision, makeDecision, personDigests } from '../decision.ts';
import { NOBODY_RECORDS } from './forget-files.ts';
import { Forgetter } from './forgetter.ts';

vi.setConfig({ testTimeout: 120_000 });

const never = new AbortController().signal;
const DAY = Date.UTC(2026, 10, 20);
const NOW = DAY + 5 * 86_400_000;
const HOUR_MS = 3_600_000;
const THEM = { username: 'zq_them', user_id: '424242', display_name: 'Zq_Them' };
const DAY_KEY = '2026/11/20/twitch/xqc/twitch_xqc_20261120_0000-day.jsonl.zst';
const TABLE_KEY = 'parquet/dt=2026-11-20/platform=twitch/xqc.parquet';

let directory: TempDir;
let spool: Spool;
let store: ObjectStore;
beforeEach(async () => {
  directory = await tempDir();
  spool = await openSpool(directory.join('data'));
  store = await createDirectoryObjectStore(directory.join('archive'));
  return async () => directory[Symbol.asyncDispose]();
});

/** Three hours; every third line is theirs, every fifth names them. The lines of all others, in order. */
async function record(): Promise<string[]> {
  const events = [1, 2, 3].flatMap((hour) =>
    saidLines(40, DAY + hour * HOUR_MS).map((event, at): ChatEvent => {
      if (at % 3 === 0) return { ...event, ...THEM };
      return at % 5 === 0 ? { ...event, tags: { 'reply-parent-user-login': 'zq_them', color: '' } } : event;
    }),
  );
  for (const hour of [0, 1, 2])
    await putLines(store, directory.path, events.slice(hour * 40, hour * 40 + 40));
  return events
    .filter(({ user_id, tags }) => user_id !== '424242' && !tags)
    .map((event) => JSON.stringify(event));
}

const decision = (): Decision =>
  makeDecision(
    {
      ...{ kind: 'forget', platform: 'twitch', by: 'test' },
      user: personDigests('twitch', '424242', ['zq_them', 'Zq_Them']),
    },
    NOW,
  );

async function carryOut(made: Decision): Promise<void> {
  const forgetter = new Forgetter({
    ...{ spool, store, database: undefined, keepers: NOBODY_RECORDS, log: silentLog },
    config: () => configSchema.parse({}),
  });
  forgetter.add(made);
  await forgetter.carryOutAll(never);
}

const bytesOf = async (key: string) => collectBytes(store.get(key, never));
const dayLines = async () =>
  zstdDecompressSync(await bytesOf(DAY_KEY))
    .toString()
    .split('\n')
    .slice(0, -1);

async function tableLines(): Promise<string[]> {
  const { buffer, byteOffset, length } = await bytesOf(TABLE_KEY);
  const lines: string[] = [];
  for await (const rows of parquetRowGroups(buffer.slice(byteOffset, byteOffset + length) as ArrayBuffer))
    lines.push(...rows.map((row) => rowLine(row).toString()));
  return lines;
}

/** Nothing that lies anywhere names them, and what they had nothing to do with is as it was. */
async function expectForgotten(others: readonly string[]): Promise<void> {
  const lines = await dayLines();
  expect(lines.join('\n')).not.toMatch(/zq_them|424242/i);
  expect(lines.filter((line) => others.includes(line))).toEqual(others);
  expect(lines).toHaveLength(120 - 42);
  const { description } = (await store.head(DAY_KEY, never))!;
  expect(description).toMatchObject({ lines: lines.length });
  for await (const { key } of store.list('', never))
    expect((await bytesOf(key)).toString('latin1'), key).not.toMatch(/zq_them|424242/i);
}

test('a person goes out of day objects and of tables, and these stay what they are', async () => {
  const others = await record();
  await compactAll(store, { parquet: true });
  await carryOut(decision());
  await expectForgotten(others);
  expect(await tableLines()).toEqual(await dayLines());
  // What was rewritten counts as compacted: nothing is made again.
  const [day] = (await compactAll(store, { parquet: true })).days;
  expect(day).toMatchObject({ outcome: 'unchanged' });
});

test('a table that holds nothing but theirs goes', async () => {
  const theirs = saidLines(5, DAY + HOUR_MS).map((event) => ({ ...event, ...THEM }));
  await putLines(store, directory.path, theirs);
  await compactAll(store, { parquet: true });
  await carryOut(decision());
  const keys = (await Array.fromAsync(store.list('', never))).map(({ key }) => key);
  expect(keys.filter((key) => /\.(zst|parquet)$/.test(key))).toEqual([]);
});

test('who was forgotten before is not in what is merged of hours that still hold them', async () => {
  const others = await record();
  const made = decision();
  const report = await compactAll(store, { parquet: true, tools: { decisions: async () => [made] } });
  expect(report.days).toMatchObject([{ outcome: 'compacted', removed: 3 }]);
  await expectForgotten(others);
  expect(await tableLines()).toEqual(await dayLines());
});

test('who is forgotten while a day is merged goes, also where forgetting passed the new object by', async () => {
  for (const during of ['merge', 'put', 'read back', 'forget'] as const) {
    await using other = await tempDir();
    store = await createDirectoryObjectStore(other.path);
    const others = await record();
    const made: Decision[] = [];
    const onStep = async (step: string) => {
      if (step !== during || made.length > 0) return;
      made.push(decision());
      // It rewrites the hours that are there, which were read before, and what else it finds.
      await carryOut(made[0]!);
    };
    await compactAll(store, { tools: { onStep, decisions: async () => [...made] } });
    await compactAll(store, { tools: { decisions: async () => [...made] } });
    await expectForgotten(others).catch((error: unknown) => {
      throw new Error(`during ${during}: ${error}`, { cause: error });
    });
  }
});
