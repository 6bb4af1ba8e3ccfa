import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { modelLines } from '../../../test/support/archive-model.ts';
import { corpusLines } from '../../../test/support/corpus.ts';
import { type TempDir, tempDir } from '../../../test/support/temp-dir.ts';
import { originalLine } from '../../connectors/original-line.ts';
import type { ChatEvent } from '../../event.ts';
import { messageKey } from '../../index/message-key.ts';
import { ChatlogError } from '../../lib/errors.ts';
import { type Decision, makeDecision, personDigests } from '../../privacy/decision.ts';
import { DecisionGate } from '../../privacy/decision-gate.ts';
import { OPEN_GATE, type PrivacyGate } from '../../privacy/privacy-gate.ts';
import { createDirectoryObjectStore } from '../../storage/directory-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { listSegments, readSegment } from '../../storage/read-segment.ts';
import { writeManifest } from '../manifest/write-manifest.ts';
import { FORMATS } from './detect-format.ts';
import { type ImportReport, importArchive } from './import-archive.ts';
import { LocalZone } from './local-zone.ts';
import { Rejects } from './rejects.ts';

const NEVER = new AbortController().signal;

interface Run {
  archive: string;
  paths: string[];
  dryRun?: boolean;
  privacy?: PrivacyGate;
  /** Since then. */
  decided?: Decision[];
  store?: ObjectStore;
  format?: string;
  channel?: string;
  zone?: string;
}

async function run({
  archive,
  paths,
  dryRun = false,
  privacy = OPEN_GATE,
  decided = [],
  ...rest
}: Run): Promise<ImportReport> {
  const store = rest.store ?? (await createDirectoryObjectStore(archive));
  const rejects = new Rejects(join(dirname(archive), 'rejects.jsonl'));
  const report = await importArchive(
    {
      store,
      privacy,
      decidedSince: async () => decided,
      paths,
      settings: { zone: LocalZone.of(rest.zone ?? 'UTC'), channel: rest.channel },
      opened: new Map(),
      format: FORMATS.find(({ name }) => name === rest.format),
      origin: { formatVersion: 1, instance: 'test' },
      dryRun,
      rejects,
      now: Date.now,
      onProgress() {},
    },
    NEVER,
  );
  await rejects.close();
  return report;
}

/** Every file of an archive with its bytes, metadata too. */
async function contents(archive: string): Promise<Record<string, string>> {
  const files = await readdir(archive, { recursive: true, withFileTypes: true });
  const found = files
    .filter((file) => file.isFile())
    .map(async (file) => {
      const path = join(file.parentPath, file.name);
      return [path.slice(archive.length), await readFile(path, 'base64')] as const;
    });
  return Object.fromEntries((await Promise.all(found)).sort());
}

async function archivedSegments(archive: string): Promise<string[][]> {
  const store = await createDirectoryObjectStore(archive);
  const segments: string[][] = [];
  for await (const { key } of listSegments(store, {}, NEVER)) {
    const text = Buffer.concat(await Array.fromAsync(readSegment(store, key, NEVER))).toString();
    segments.push(text.split('\n').slice(0, -1));
  }
  return segments;
}

async function archivedLines(archive: string): Promise<string[]> {
  return (await archivedSegments(archive)).flat();
}

async function write(directory: TempDir, files: Record<string, string>): Promise<string> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(directory.join('logs', name)), { recursive: true });
    await writeFile(directory.join('logs', name), text);
  }
  return directory.join('logs');
}

const CHATTERINO = `# Start logging at 2019-09-15 12:59:58 CEST
[12:59:59]  ann: first
[13:00:05]  ann: LUL
[13:00:05]  bob: LUL
[13:00:05]  ann: LUL
[13:00:05]  ann: what
`;

it('puts each hour of a channel into one object, in order, and says what it did', async () => {
  await using directory = await tempDir();
  const logs = await write(directory, {
    'Twitch/Channels/xqc/xqc-2019-09-15.log': CHATTERINO,
    'README.md': 'hello\n',
  });
  const archive = directory.join('archive');
  const report = await run({ archive, paths: [logs] });
  expect(report).toMatchObject({
    files: 1,
    lines: 5,
    newLines: 5,
    known: 0,
    doubled: 0,
    objects: 2,
    rejects: 1,
  });
  expect(report.days).toMatchObject([{ platform: 'twitch', channel: 'xqc', lines: 5, newLines: 5 }]);
  const names = Object.keys(await contents(archive)).filter((name) => !name.startsWith('/.'));
  expect(names).toEqual([
    expect.stringMatching(/^\/2019\/09\/15\/twitch\/xqc\/twitch_xqc_20190915_1259-i[0-9a-f]{8}\.jsonl\.zst$/),
    expect.stringMatching(/^\/2019\/09\/15\/twitch\/xqc\/twitch_xqc_20190915_1300-i[0-9a-f]{8}\.jsonl\.zst$/),
  ]);
  const events = (await archivedLines(archive)).map((line) => JSON.parse(line) as ChatEvent);
  expect(events.map(({ username, message }) => `${username}: ${message}`)).toEqual([
    'ann: first',
    'ann: LUL',
    'bob: LUL',
    'ann: LUL',
    'ann: what',
  ]);
  expect(new Set(events.map(({ id }) => id)).size).toBe(5);
  const rejects = (await readFile(directory.join('rejects.jsonl'), 'utf8')).trim().split('\n');
  expect(rejects.map((line) => JSON.parse(line))).toMatchObject([
    { file: expect.stringContaining('README.md'), line: 0, reason: 'is of no format that is known' },
  ]);
});

it('changes nothing the second time, whatever the order and overlap of files, nor with --dry-run', async () => {
  await using directory = await tempDir();
  const lines = CHATTERINO.trimEnd().split('\n');
  const logs = await write(directory, { 'a/xqc-2019-09-15.log': CHATTERINO });
  // The same hours, cut and shuffled; one file has a message more than once more often than the other.
  const others = await write(directory, {
    'b/xqc-2019-09-15.log': `${lines.slice(0, 4).join('\n')}\n`,
    'c/xqc-2019-09-15.log': `${[lines[0], ...lines.slice(2).reverse()].join('\n')}\n`,
  });
  const first = directory.join('first');
  expect(await run({ archive: first, paths: [logs], dryRun: true })).toMatchObject({
    newLines: 5,
    objects: 0,
  });
  expect((await contents(first))['/.chatlog']).toBeUndefined();
  await run({ archive: first, paths: [logs] });
  const before = await contents(first);
  expect(await run({ archive: first, paths: [join(logs, 'a')] })).toMatchObject({
    newLines: 0,
    known: 5,
    objects: 0,
  });
  expect(await run({ archive: first, paths: [others] })).toMatchObject({ newLines: 0, objects: 0 });
  expect(await contents(first)).toEqual(before);
  const second = directory.join('second');
  const dirs = ['c', 'a', 'b'].map((name) => join(logs, name));
  expect(await run({ archive: second, paths: dirs })).toMatchObject({ newLines: 5 });
  const third = directory.join('third');
  await run({ archive: third, paths: dirs.reverse() });
  expect(await contents(third)).toEqual(await contents(second));
});

it('brings back nothing of those who asked not to be kept', async () => {
  await using directory = await tempDir();
  const line = (username: string, id: string, message: string) =>
    JSON.stringify({
      timestamp: '2019-09-15T13:00:05.000Z',
      channel: 'xqc',
      username,
      user_id: '',
      message,
      platform: 'twitch',
      ...(id === '' ? {} : { id }),
    });
  const lines = [
    line('ann', 'a', 'by one who opted out'),
    line('bob', 'b', 'hello @cat'),
    line('cat', 'c', 'forgotten'),
    line('dan', 'd', 'removed for good'),
    line('dan', 'e', 'stays'),
  ];
  const logs = await write(directory, { 'x.jsonl': `${lines.join('\n')}\n` });
  const gate = new DecisionGate();
  const common = { platform: 'twitch', by: 'command' };
  const user = (name: string) => personDigests('twitch', `~${name}`, [name]);
  const message = { key: messageKey('twitch', 'd'), channel: 'xqc', at: '2019-09-15T13:00:05.000Z' };
  for (const draft of [
    { ...common, kind: 'opt_out', user: user('ann') },
    { ...common, kind: 'forget', user: user('cat') },
    { ...common, kind: 'purge_message', message },
  ] as const)
    gate.add(makeDecision(draft, Date.now()));
  const archive = directory.join('archive');
  const report = await run({ archive, paths: [logs], privacy: gate });
  expect(report).toMatchObject({ newLines: 2, withheld: 3 });
  expect(await archivedLines(archive)).toEqual([line('bob', 'b', 'hello @***'), line('dan', 'e', 'stays')]);
});

it('gives the corpus back byte for byte: raw lines, and the lines made of them in another archive', async () => {
  await using directory = await tempDir();
  const lines = corpusLines();
  // As justlog keeps them: all of a channel, and of some people once more.
  const logs = await write(directory, {
    '1/2019/9/15/channel.txt': `${lines.join('\n')}\n`,
    '1/2019/9/7.txt': `${lines.filter((_, index) => index % 3 === 0).join('\n')}\n`,
  });
  const archive = directory.join('archive');
  const report = await run({ archive, paths: [logs] });
  expect(report).toMatchObject({ rejects: 0, newLines: lines.length });
  const archived = await archivedLines(archive);
  const original = archived.map((line) => String(originalLine(JSON.parse(line))));
  expect(original.toSorted()).toEqual(lines.toSorted());
  await writeFile(directory.join('export.jsonl'), archived.map((line) => `${line}\n`).join(''));
  const other = directory.join('other');
  await run({ archive: other, paths: [directory.join('export.jsonl')] });
  expect(await contents(other)).toEqual(await contents(archive));
});

it('adds to what was recorded only what is missing there', async () => {
  await using directory = await tempDir();
  const archive = directory.join('archive');
  const lines = corpusLines();
  const half = await write(directory, {
    'half.txt': `${lines.filter((_, index) => index % 2 === 0).join('\n')}\n`,
  });
  await run({ archive, paths: [half] });
  const before = await contents(archive);
  const all = await write(directory, { 'all.txt': `${lines.join('\n')}\n` });
  const report = await run({ archive, paths: [join(all, 'all.txt')] });
  expect(report).toMatchObject({ known: lines.length / 2, newLines: lines.length / 2 });
  expect(await contents(archive)).toMatchObject(before);
  expect(await archivedLines(archive)).toHaveLength(lines.length);
});

it('adds what it puts to the manifests of days that have one, also where it was killed before', async () => {
  await using directory = await tempDir();
  const archive = directory.join('archive');
  const [first, second] = ['2019-09-15 13:00:05', '2019-09-15 14:00:05'].map((at) => `[${at} UTC] ann: hi\n`);
  const logs = await write(directory, { 'X chatlog/a.txt': first!, 'X chatlog/b.txt': first! + second! });
  await run({ archive, paths: [join(logs, 'X chatlog/a.txt')] });
  const store = await createDirectoryObjectStore(archive);
  const day = { dayMs: Date.UTC(2019, 8, 15), platform: 'twitch' };
  const objects = async () => {
    const found = await writeManifest({ ...day, store, by: '', now: Date.now }, NEVER);
    return { count: found!.manifest.objects.length, isNew: found!.isNew };
  };
  expect(await objects()).toEqual({ count: 1, isNew: true });
  await run({ archive, paths: [logs] });
  expect(await objects()).toEqual({ count: 2, isNew: false });
  for await (const { key } of store.list('2019/09/15/twitch/_manifest-0002', NEVER))
    await store.remove(key, NEVER);
  await run({ archive, paths: [logs] });
  expect(await objects()).toEqual({ count: 2, isNew: false });
});

it('keeps equal lines that nothing tells apart as often as the source with the most of them has', async () => {
  await using directory = await tempDir();
  const join_ = (user: string) =>
    `{"timestamp":"2019-09-15T13:00:05.000Z","channel":"xqc","username":"${user}","user_id":"","message":"","platform":"twitch","type":"join"}\n`;
  const logs = await write(directory, {
    'a.jsonl': join_('ann').repeat(3) + join_('bob'),
    'b.jsonl': join_('ann').repeat(2) + join_('bob').repeat(2),
  });
  const archive = directory.join('archive');
  expect(await run({ archive, paths: [join(logs, 'b.jsonl')] })).toMatchObject({ newLines: 4 });
  expect(await run({ archive, paths: [logs] })).toMatchObject({ newLines: 3, known: 2, doubled: 3 });
  // As everybody reads them who reads all objects.
  expect(modelLines(await archivedSegments(archive))).toHaveLength(5);
});

it('has each message as often as the file with the most of it, whatever files are imported with which, and when', async () => {
  const message = fc.record({
    at: fc.integer({ min: 0, max: 7300 }).map((second) => second - (second % 1800)),
    user: fc.constantFrom('ann', 'bob'),
    text: fc.constantFrom('LUL', 'hi'),
  });
  const file = fc.array(message, { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(file, { maxLength: 3 }), { minLength: 1, maxLength: 3 }),
      async (imports) => {
        await using directory = await tempDir();
        const most = new Map<string, number>();
        let number = 0;
        for (const files of imports) {
          const paths: string[] = [];
          for (const messages of files) {
            const lines = messages.map(({ at, user, text }) => `[${clock(at)} UTC] ${user}: ${text}\n`);
            for (const line of lines)
              most.set(line, Math.max(most.get(line) ?? 0, lines.filter((other) => other === line).length));
            const name = `${number++} x chatlog/x.txt`;
            paths.push(join(await write(directory, { [name]: lines.join('') }), name));
          }
          await run({ archive: directory.join('archive'), paths, channel: 'x', format: 'overrustle' });
        }
        const events = (await archivedLines(directory.join('archive'))).map(
          (line) => JSON.parse(line) as ChatEvent,
        );
        const found = new Map<string, number>();
        for (const { timestamp, username, message: text } of events) {
          const line = `[${timestamp.slice(0, 19).replace('T', ' ')} UTC] ${username}: ${text}\n`;
          found.set(line, (found.get(line) ?? 0) + 1);
        }
        expect(found).toEqual(most);
        expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
      },
    ),
    { numRuns: 30 },
  );
});

function clock(second: number): string {
  return new Date(1_568_552_400_000 + second * 1000).toISOString().replace('T', ' ').slice(0, 19);
}

it('comes to the same archive however often it is broken off', async () => {
  await using directory = await tempDir();
  const messages = fc.sample(
    fc.record({
      at: fc.integer({ min: 0, max: 200_000 }),
      user: fc.constantFrom('ann', 'bob'),
      text: fc.constantFrom('LUL', 'hi'),
    }),
    { numRuns: 400, seed: 1 },
  );
  const text = messages
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, user, text: said }) => `[${clock(at)} UTC] ${user}: ${said}\n`)
    .join('');
  const logs = await write(directory, { 'Xqc chatlog/x.txt': text });
  const whole = directory.join('whole');
  await run({ archive: whole, paths: [logs] });
  const broken = directory.join('broken');
  const store = await createDirectoryObjectStore(broken);
  for (let failures = 0; ; failures++) {
    let puts = 0;
    const put: ObjectStore['put'] = async (...args) => {
      if (puts++ > 3) throw new ChatlogError('access_denied', 'broken off');
      return store.put(...args);
    };
    const failing = new Proxy(store, {
      get: (target, name) => (name === 'put' ? put : bound(target, name)),
    });
    const done = await run({ archive: broken, paths: [logs], store: failing }).then(
      () => true,
      () => false,
    );
    expect(failures).toBeLessThan(100);
    if (done) break;
  }
  expect(await contents(broken)).toEqual(await contents(whole));
});

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name);
  return typeof value === 'function' ? value.bind(target) : value;
}

it('puts lines that only their bytes identify as often as the source with the most of them, once and for all', async () => {
  await using directory = await tempDir();
  const line = (name: string) =>
    `@tmi-sent-ts=1568552405000 :${name}!${name}@${name}.tmi.twitch.tv JOIN #xqc\n`;
  const one = await write(directory, { 'one.txt': line('ann') });
  const archive = directory.join('archive');
  await run({ archive, paths: [join(one, 'one.txt')], format: 'irc-raw' });
  await write(directory, { 'two.txt': line('ann').repeat(2) });
  const two = { archive, paths: [join(one, 'two.txt')], format: 'irc-raw' };
  expect(await run(two)).toMatchObject({ newLines: 2, known: 0, objects: 1 });
  const before = await contents(archive);
  expect(await run(two)).toMatchObject({ newLines: 0, known: 2, objects: 0 });
  expect(await contents(archive)).toEqual(before);
});

it('puts nobody who was forgotten while the sources were read', async () => {
  await using directory = await tempDir();
  const logs = await write(directory, { 'Twitch/Channels/xqc/xqc-2019-09-15.log': CHATTERINO });
  const archive = directory.join('archive');
  const user = personDigests('twitch', '', ['ann']);
  const decided = [makeDecision({ kind: 'forget', platform: 'twitch', user, by: 'test' }, Date.now())];
  await run({ archive, paths: [logs], decided });
  const lines = await archivedLines(archive);
  expect(lines.map((text) => (JSON.parse(text) as ChatEvent).username)).toEqual(['bob']);
});
