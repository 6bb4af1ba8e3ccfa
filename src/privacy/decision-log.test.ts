import { readdir, readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { openDatabase } from '../../test/support/databases.ts';
import { silentLog } from '../../test/support/recorder-fixture.ts';
import { memoryLogger } from '../../test/support/segments.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { ChatlogError } from '../lib/errors.ts';
import { createDirectoryObjectStore } from '../storage/directory-object-store.ts';
import { type Decision, personDigests } from './decision.ts';
import { DecisionGate } from './decision-gate.ts';
import { DecisionLog } from './decision-log.ts';
import { type DecisionPlace, decisionArchive, decisionDirectory, decisionTable } from './decision-places.ts';

const never = new AbortController().signal;
const ann = personDigests('twitch', '7', ['ann', 'Ann']);
const optOut = { kind: 'opt_out', platform: 'twitch', user: ann, by: 'self' } as const;

function logOf(places: [DecisionPlace, ...DecisionPlace[]], now: () => number = Date.now): DecisionLog {
  return new DecisionLog({ places, log: silentLog, now });
}

test('a decision is in effect and on the disk when it is made, and known again by the next start', async () => {
  await using dir = await tempDir();
  const place = decisionDirectory(dir.join('state/decisions'));
  const log = logOf([place]);
  await log.load();
  expect(log.gate.isEmpty).toBe(true);
  await log.make(optOut);
  expect(log.gate.isUserOptedOut('twitch', '7')).toBe(true);
  expect(log.gate.isUserOptedOut('twitch', '~ann')).toBe(true);
  expect(log.gate.isUserOptedOut('irc-x', '7')).toBe(false);
  const again = logOf([place]);
  await again.load();
  expect(again.gate.isUserOptedOut('twitch', '7')).toBe(true);
  expect(again.all()).toEqual(log.all());
});

test('what a decision says of a person is no byte of them', async () => {
  await using dir = await tempDir();
  const log = logOf([decisionDirectory(dir.path)]);
  await log.load();
  await log.make({ ...optOut, user: personDigests('twitch', '123456789', ['somebody']) });
  const [file] = await readdir(dir.path);
  const text = await readFile(dir.join(file!), 'utf8');
  expect(text).not.toMatch(/123456789|somebody/);
});

test('machines, archive and database come to know the same decisions, whoever made them', async () => {
  await using dir = await tempDir();
  await using database = await openDatabase('PGlite');
  const archive = decisionArchive(await createDirectoryObjectStore(dir.join('archive')));
  const table = decisionTable(database);
  const one = logOf([decisionDirectory(dir.join('one')), archive]);
  const two = logOf([decisionDirectory(dir.join('two')), archive, table]);
  const api = logOf([decisionDirectory(dir.join('api')), table]);
  await one.make({ kind: 'channel_opt_out', platform: 'irc-x', channel: '#\0\u{1f600}', by: 'command' });
  await two.make({ ...optOut, kind: 'forget' });
  for (const log of [one, two, one, api]) expect(await log.sync(never)).toBe(true);
  const ids = two.all().map(({ id }) => id);
  expect(ids).toHaveLength(2);
  for (const log of [one, api]) expect(log.all().map(({ id }) => id)).toEqual(ids);
  expect(api.all()).toEqual(two.all());
  expect(api.gate.isChannelOptedOut('irc-x', '#\0\u{1f600}')).toBe(true);
  expect(one.gate.forgottenUntilMs('twitch', '7')).toBe(Date.parse(two.all()[1]!.timestamp));
  expect([...(await archive.ids(never))].sort()).toEqual(ids);
});

test('while the archive cannot be reached a decision waits, and gets there when it can', async () => {
  await using dir = await tempDir();
  const store = decisionArchive(await createDirectoryObjectStore(dir.join('archive')));
  let isDown = true;
  const archive: DecisionPlace = {
    ...store,
    ids: async (signal) => {
      if (isDown) throw new ChatlogError('unreachable', 'no network', { retryable: true });
      return store.ids(signal);
    },
  };
  const log = logOf([decisionDirectory(dir.join('local')), archive]);
  const stopping = new AbortController();
  const running = log.run(stopping.signal);
  const first = await log.make(optOut);
  isDown = false;
  // Whatever wakes it brings both there.
  await log.make({ ...optOut, kind: 'opt_in' });
  await waitFor('both in the archive', async () => (await store.ids(never)).size === 2);
  stopping.abort();
  await running;
  expect(JSON.parse(await store.read(first.id, never))).toEqual(first);
});

test('what is decided is known once a place beyond this machine has told, though another hangs', async () => {
  await using dir = await tempDir();
  const local = decisionDirectory(dir.join('local'));
  const store = decisionArchive(await createDirectoryObjectStore(dir.join('archive')));
  await expect(logOf([local]).demandKnown(never)).resolves.toBeUndefined();
  const gone: DecisionPlace = {
    ...store,
    ids: () => Promise.reject(new ChatlogError('unreachable', 'no network', { retryable: true })),
  };
  const alone = logOf([local, gone]);
  await alone.load();
  await expect(alone.demandKnown(never)).rejects.toMatchObject({ code: 'database_unavailable' });
  const asked = Promise.withResolvers<void>();
  const hanging: DecisionPlace = {
    ...store,
    ids: (signal) => {
      asked.resolve();
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    },
  };
  const elsewhere = logOf([decisionDirectory(dir.join('elsewhere')), store]);
  await elsewhere.make(optOut);
  await elsewhere.sync(never);
  const log = logOf([local, hanging, store]);
  const deadline = new AbortController();
  const known = log.demandKnown(deadline.signal);
  await asked.promise;
  await waitFor('the other place is heard', () => log.all().length === 1);
  deadline.abort();
  await known;
});

test('of opting out and in again the later one counts, in whatever order one learns of them', () => {
  // Ids tell the order.
  const at = (second: number, kind: 'opt_out' | 'opt_in'): Decision => ({
    ...optOut,
    kind,
    id: `20261121T13000${second}000Z-0123456789ab`,
    timestamp: `2026-11-21T13:00:0${second}.000Z`,
  });
  const decisions = [at(1, 'opt_out'), at(2, 'opt_in'), at(3, 'opt_out'), at(4, 'opt_in')];
  for (const order of [
    decisions,
    decisions.toReversed(),
    [...decisions.slice(2), ...decisions.slice(0, 2)],
  ]) {
    const gate = new DecisionGate();
    for (const decision of order) gate.add(decision);
    expect(gate.isUserOptedOut('twitch', '7')).toBe(false);
    gate.add(at(5, 'opt_out'));
    expect(gate.isUserOptedOut('twitch', '7')).toBe(true);
  }
});

test('a decision that cannot be read is told of, and the others count', async () => {
  await using dir = await tempDir();
  const place = decisionDirectory(dir.path);
  await logOf([place]).make(optOut);
  await writeFile(dir.join('20261121T130000000Z-0123456789ab.json'), '{"kind":"of a later version"}');
  const logger = memoryLogger();
  const log = new DecisionLog({ places: [place], log: logger, now: Date.now });
  await log.load();
  expect(log.all()).toHaveLength(1);
  expect(logger.lines.map(({ level }) => level)).toEqual(['warn']);
});
