import { readdir, readFile, writeFile } from 'node:fs/promises';
import { beforeEach, expect, test } from 'vitest';
import { compactAll } from '../../../test/support/compact-world.ts';
import { silentLog } from '../../../test/support/recorder-fixture.ts';
import { gapLine, putLines, saidLines } from '../../../test/support/stored-lines.ts';
import { type TempDir, tempDir } from '../../../test/support/temp-dir.ts';
import { renewManifest } from '../../archive/compact/renew-manifest.ts';
import { manifestKey } from '../../archive/manifest/manifest-key.ts';
import { writeManifest } from '../../archive/manifest/write-manifest.ts';
import { EVERYTHING } from '../../archive/selection.ts';
import { verifyArchive } from '../../archive/verify/verify-archive.ts';
import { configSchema } from '../../config/schema.ts';
import { openSpool, type Spool } from '../../spool.ts';
import { createDirectoryObjectStore } from '../../storage/directory-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { makeDecision, personDigests } from '../decision.ts';
import { NOBODY_RECORDS } from './forget-files.ts';
import { Forgetter } from './forgetter.ts';

const never = new AbortController().signal;
const DAY_MS = Date.UTC(2026, 10, 20);
const NOW_MS = DAY_MS + 5 * 86_400_000;
const hour = (index: number) => DAY_MS + index * 3_600_000;
const THEM = { username: 'zq_them', user_id: '424242' };

let directory: TempDir;
let spool: Spool;
let store: ObjectStore;
beforeEach(async () => {
  directory = await tempDir();
  spool = await openSpool(directory.join('data'));
  store = await createDirectoryObjectStore(directory.join('archive'));
  return async () => directory[Symbol.asyncDispose]();
});

/** Two days: hours with their lines and without, one with nothing else, and a gap that names them. */
async function archive(): Promise<string[]> {
  const said = (index: number, theirs: boolean) =>
    saidLines(5, hour(index)).map((event, at) => (theirs && at % 2 === 0 ? { ...event, ...THEM } : event));
  const keys = [
    await putLines(store, directory.path, said(1, false)),
    await putLines(store, directory.path, [
      ...said(2, true),
      gapLine(hour(2), hour(3), { reason: 'kicked by zq_them' }),
    ]),
    await putLines(
      store,
      directory.path,
      saidLines(2, hour(3)).map((event) => ({ ...event, ...THEM })),
    ),
    await putLines(store, directory.path, said(30, true)),
    await putLines(store, directory.path, said(60, false)),
  ];
  for (const days of [0, 1, 2]) await manifest(days);
  return keys;
}

const manifest = (days: number) =>
  writeManifest({ dayMs: hour(24 * days), platform: 'twitch', store, by: '', now: () => NOW_MS }, never);

async function forget(through: ObjectStore = store): Promise<void> {
  const forgetter = new Forgetter({
    ...{ spool, store: through, database: undefined, keepers: NOBODY_RECORDS, log: silentLog },
    config: () => configSchema.parse({}),
  });
  const user = personDigests('twitch', '424242', ['zq_them']);
  forgetter.add(makeDecision({ kind: 'forget', platform: 'twitch', user, by: 'test' }, NOW_MS));
  await forgetter.carryOutAll(never);
}

async function verified(): Promise<[string, string][]> {
  const { problems } = await verifyArchive({
    ...{ store, selection: EVERYTHING, exportPrefixes: [], isQuick: false, repairs: false },
    writes: { add: false, renew: false, acceptLoss: false },
    ...{ local: undefined, localProblem: '', instance: '', now: () => NOW_MS, onObject() {}, signal: never },
  });
  return problems.map(({ code, key }) => [code, key]);
}

/** All manifests that lie there, by name and text. */
async function manifests(): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for await (const { key } of store.list('', never))
    if (key.includes('_manifest-')) texts.set(key, await readFile(directory.join('archive', key), 'utf8'));
  return texts;
}

test('where compaction takes somebody out who is being forgotten, no manifest names them any more', async () => {
  await archive();
  const user = personDigests('twitch', '424242', ['zq_them']);
  const decision = makeDecision({ kind: 'forget', platform: 'twitch', user, by: 'test' }, NOW_MS);
  const tools = { store, scratch: directory.path, signal: never };
  expect([...(await manifests()).values()].join()).toContain('zq_them');
  const { days } = await compactAll(store, {
    onMade: (day, made, gone) => renewManifest(day, made, gone, tools),
    tools: { decisions: async () => [decision] },
  });
  expect(days.map(({ outcome }) => outcome)).toEqual(['compacted', 'compacted', 'compacted']);
  const left = await manifests();
  expect([...left.values()].join()).not.toContain('zq_them');
  expect([...left.values()][0]).toContain('kicked by *******');
  expect([...left.keys()]).not.toContain(manifestKey({ dayMs: DAY_MS, platform: 'twitch' }, 1));
  expect(await verified()).toEqual([]);
});

test('manifests say what is left when somebody was forgotten, and older ones that may name them are gone', async () => {
  const keys = await archive();
  expect(await verified()).toEqual([]);
  await forget();
  expect(await verified()).toEqual([]);
  const left = await manifests();
  expect([...left.keys()]).toEqual([
    manifestKey({ dayMs: DAY_MS, platform: 'twitch' }, 2),
    manifestKey({ dayMs: hour(24), platform: 'twitch' }, 2),
    // Of a day in which nothing of theirs was found.
    manifestKey({ dayMs: hour(48), platform: 'twitch' }, 1),
  ]);
  expect([...left.values()].join()).not.toContain('zq_them');
  expect([...left.values()][0]).toContain('kicked by *******');
  expect([...left.values()][0]).not.toContain(keys[2]);
  expect(await readdir(spool.path('state'))).not.toContain('manifests-due');
});

test('what else differs from a manifest is not covered up by that', async () => {
  const keys = await archive();
  await store.remove(keys[0]!, never);
  await forget();
  expect(await verified()).toEqual([['object_missing', keys[0]]]);
});

test('also where forgetting is killed after any object, and goes on', async () => {
  const count = 4;
  for (let survived = 0; survived <= count; survived++) {
    let changes = 0;
    const dying = new Proxy(store, {
      get: (target, name: keyof ObjectStore) => {
        const member = target[name];
        if (typeof member !== 'function') return member;
        if (name !== 'replace' && name !== 'remove' && name !== 'put') return member.bind(target);
        return async (...parts: never[]) => {
          const done = await (member as (...parts: never[]) => Promise<unknown>).apply(target, parts);
          if (changes++ === survived) throw new Error('killed');
          return done;
        };
      },
    });
    await archive().catch(() => {});
    await expect(forget(dying)).rejects.toThrow('killed');
    await forget();
    expect(await verified()).toEqual([]);
    for await (const { key } of store.list('', never)) await store.remove(key, never);
  }
});

test('a day whose last object goes needs no manifest any more, and a torn note is no hindrance', async () => {
  const [first] = saidLines(1, hour(1));
  await putLines(store, directory.path, [{ ...first!, ...THEM }]);
  await manifest(0);
  await writeFile(spool.path('state', 'manifests-due'), '2026/11/20/twitch/xqc/twitch_xqc_2026');
  await forget();
  expect(await manifests()).toEqual(new Map());
  expect(await verified()).toEqual([]);
});
