import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { beforeEach, expect, it } from 'vitest';
import { capturedTerminal } from '../../test/support/captured-terminal.ts';
import { corpusLines } from '../../test/support/corpus.ts';
import { type TempDir, tempDir } from '../../test/support/temp-dir.ts';
import { main } from '../main.ts';

let directory: TempDir;
beforeEach(async () => {
  directory = await tempDir();
  await mkdir(directory.join('archive'));
  await mkdir(directory.join('logs'));
  await writeFile(directory.join('logs', 'channel.txt'), corpusLines().slice(0, 100).join('\n'));
  return () => directory[Symbol.asyncDispose]();
});

const LOG = '# Start logging at 2019-09-15 12:59:58 CEST\n[13:00:05]  ann: hello\nno time\n';

async function chatlog(...args: string[]) {
  const terminal = capturedTerminal();
  const common = ['--archive', directory.join('archive'), '--rejects', directory.join('rejects.jsonl')];
  const code = await main(['import', ...common, ...args], terminal);
  return { code, out: terminal.stdout, err: terminal.stderr };
}

const objects = async () =>
  (await readdir(directory.join('archive'), { recursive: true })).filter((name) => /\.zst$/.test(name));

it('says what it found, puts nothing with --dry-run, and says by channel and day what would be new', async () => {
  const { code, out, err } = await chatlog('--dry-run', directory.join('logs'));
  expect(code).toBe(0);
  expect(err).toContain('irc-raw: 1 file, lines of the IRC protocol');
  expect(out).toMatch(/twitch\/xqcow {2}2019-09-15 +100 {2}100 {2}2019-09-15 00:00:00/);
  expect(out).toContain('100 messages would be new');
  expect(await objects()).toEqual([]);
  const real = await chatlog(directory.join('logs'));
  expect(real.out).toContain('100 messages imported into');
  expect(await objects()).toHaveLength(1);
  const again = await chatlog(directory.join('logs'));
  expect(again.out).toContain('0 messages imported');
  expect(again.out).toContain('100 were there already');
});

it('asks for everything that has to be stated before it puts anything', async () => {
  await writeFile(directory.join('logs', 'xqc-2019-09-15.log'), LOG);
  await writeFile(directory.join('logs', 'xqc-2019-09-16.log'), LOG);
  const { code, err } = await chatlog(directory.join('logs'));
  expect(code).toBe(2);
  expect(err).toMatch(
    /xqc-2019-09-1[56]\.log \(and 1 other\): does not say in which time zone it was written/,
  );
  expect(err).toContain('Add --timezone, such as UTC or Europe/Berlin');
  expect(await objects()).toEqual([]);
  const wrong = await chatlog(
    '--timezone',
    'Mars',
    '--date',
    'x',
    '--format',
    'y',
    '--platform',
    'A b',
    directory.join('logs'),
  );
  expect([wrong.code, wrong.err.trim().split('\n').length]).toEqual([2, 4]);
  const unused = await chatlog('--channel', 'x', '--format', 'irc-raw', directory.join('logs'));
  expect(unused.err).toContain('--channel cannot be stated for irc-raw: its records say it');
  expect((await chatlog(directory.join('nothing'))).code).toBe(2);
  expect((await chatlog(directory.join('archive'))).err).toContain('There is nothing to import');
});

it('writes down what it could not import, and fails for it with --strict alone', async () => {
  await writeFile(directory.join('logs', 'xqc-2019-09-15.log'), LOG);
  await writeFile(directory.join('logs', 'README.md'), 'about these logs\n');
  const args = ['--timezone', 'Europe/Berlin', directory.join('logs')];
  const { code, err } = await chatlog(...args);
  expect(code).toBe(0);
  expect(err).toContain('1 file of no known format, left out');
  expect(err).toContain('2 records could not be imported; see');
  const rejects = (await readFile(directory.join('rejects.jsonl'), 'utf8')).trim().split('\n');
  expect(rejects.map((line) => JSON.parse(line)).sort((a, b) => b.line - a.line)).toEqual([
    {
      file: directory.join('logs', 'xqc-2019-09-15.log'),
      line: 3,
      reason: 'no line of Chatterino: it has no time',
      text: 'no time',
    },
    { file: directory.join('logs', 'README.md'), line: 0, reason: 'is of no format that is known', text: '' },
  ]);
  expect((await chatlog('--strict', ...args)).code).toBe(1);
});

it('prints one JSON object for programs', async () => {
  const { out, err } = await chatlog('--json', directory.join('logs'));
  expect(err).toBe('');
  expect(JSON.parse(out)).toMatchObject({
    dry_run: false,
    formats: [{ name: 'irc-raw', files: 1, why: 'lines of the IRC protocol' }],
    messages: 100,
    new: 100,
    known: 0,
    rejected: 0,
    objects: 1,
    days: [{ platform: 'twitch', channel: 'xqcow', day: '2019-09-15', messages: 100, new: 100 }],
  });
});

it('begins an archive where the configuration says that it is to be', async () => {
  const config = directory.join('config.yaml');
  await writeFile(
    config,
    `archive:\n  directory: ${directory.join('new')}\ndata_dir: ${directory.join('data')}\n`,
  );
  const terminal = capturedTerminal();
  const code = await main(['import', '--config', config, '-q', directory.join('logs')], terminal);
  expect([code, terminal.stdout]).toEqual([0, expect.stringContaining('100 messages imported')]);
  expect((await readdir(directory.join('new'))).sort()).toEqual(['.chatlog', '2019']);
});

it('takes what pull gives, and pull gives it back byte for byte: lines of the archive, and raw ones', async () => {
  await writeFile(directory.join('logs', 'channel.txt'), `${corpusLines().join('\n')}\n`);
  await mkdir(directory.join('other'));
  await chatlog(directory.join('logs'));
  const pull = async (archive: string, file: string) => {
    const terminal = capturedTerminal();
    const format = file.endsWith('.raw') ? 'raw' : 'jsonl';
    const place = ['--archive', directory.join(archive), '--output', directory.join(file)];
    const args = ['pull', ...place, '--format', format, '-q'];
    expect([await main(args, terminal), terminal.stderr]).toEqual([0, '']);
    return readFile(directory.join(file), 'utf8');
  };
  const lines = await pull('archive', 'all.jsonl.zst').then(() => pull('archive', 'all.jsonl'));
  const raw = await pull('archive', 'all.raw');
  expect(raw.trimEnd().split('\n').toSorted()).toEqual(corpusLines().toSorted());
  for (const [file, archive] of [
    ['all.jsonl.zst', 'from-lines'],
    ['all.raw', 'from-raw'],
  ] as const) {
    await mkdir(directory.join(archive));
    const terminal = capturedTerminal();
    expect(
      await main(['import', '--archive', directory.join(archive), '-q', directory.join(file)], terminal),
    ).toBe(0);
    expect(await pull(archive, `${archive}.jsonl`)).toBe(lines);
    expect(await pull(archive, `${archive}.raw`)).toBe(raw);
  }
});
