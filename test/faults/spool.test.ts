import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { openSpool, type SpoolDirectory } from '../../src/spool.ts';
import { chatLine } from '../support/chat-line.ts';
import { eventsOf, readArchive } from '../support/read-archive.ts';
import { recordedIn } from '../support/recorded.ts';
import type { RunningChatlog } from '../support/run-chatlog.ts';
import { sampleLines } from '../support/segments.ts';
import { type TempDir, tempDir } from '../support/temp-dir.ts';
import { joined, runOnTwitch } from '../support/twitch-run.ts';
import { startTwitchServer, type TwitchServer } from '../support/twitch-server.ts';

const CHANNEL = 'live';
const ALL: SpoolDirectory[] = ['open', 'recovered', 'sealed', 'uploaded', 'quarantine', 'state'];
/** Not the live channel's: its directory in the archive is somebody else's. */
const segment = (name: string) => `twitch_old_20261120_${name}`;

function start(twitch: TwitchServer, dir: TempDir, wrapper?: readonly string[]): Promise<RunningChatlog> {
  return runOnTwitch(twitch, { directory: dir.path, channels: [CHANNEL], ...(wrapper ? { wrapper } : {}) });
}

/** Says a line and waits until it is recorded. */
async function recordsStill(twitch: TwitchServer, chatlog: RunningChatlog): Promise<void> {
  await joined(chatlog, CHANNEL);
  const { recorded } = (await chatlog.status()).recorder;
  twitch.sayTo(CHANNEL, chatLine(CHANNEL, 'still here'));
  await chatlog.until(
    'a line is recorded',
    async () => (await chatlog.status()).recorder.recorded > recorded,
  );
}

/** Contents of all files below a directory, with the targets of links. */
async function contentsBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const contents = entries.map(async (entry) => {
    const path = join(entry.parentPath, entry.name);
    if (entry.isSymbolicLink()) return `link to ${await readlink(path)}`;
    return entry.isFile() ? readFile(path, 'utf8') : '';
  });
  return Promise.all(contents);
}

describe('a damaged spool', () => {
  it('keeps every whole line of torn, zeroed and damaged files, once, and names what it set aside', async () => {
    await using dir = await tempDir('spool');
    await using twitch = await startTwitchServer({ tls: false });
    const spool = await openSpool(dir.join('data'));
    const put = (directory: SpoolDirectory, name: string, ...parts: (Buffer | string)[]) =>
      writeFile(spool.path(directory, segment(name)), Buffer.concat(parts.map((part) => Buffer.from(part))));
    const good = (seed: string) => sampleLines(50, seed);
    await put('open', '0100.jsonl', good('torn'), '{"timestamp":"2026-11-2');
    await put('open', '0200.jsonl', good('zeros at the end'), Buffer.alloc(10_000));
    await put('open', '0300.jsonl', good('before'), Buffer.alloc(5_000), '\n', good('after'));
    await put('open', '0400.jsonl', good('rubbish'), '\xff\xfe rubbish\n{"half":\n[]\nnull\n', good('more'));
    await put('open', '0500.jsonl', Buffer.alloc(3_000_000, 'x'));
    await put('open', '0600.jsonl');
    await put('recovered', '0700.jsonl', good('recovered'), good('half').subarray(0, 20));
    await put('sealed', '0800.jsonl', good('sealed'));
    await put('sealed', '0900.jsonl.zst', zstdCompressSync(good('zstd')));
    await put('sealed', '1000.jsonl.gz', gzipSync(good('gzip')));
    const zstd = zstdCompressSync(good('cut'));
    await put('sealed', '1100.jsonl.zst', zstd.subarray(0, zstd.length - 9));
    const gzip = gzipSync(good('flipped'));
    gzip[100] = gzip[100]! ^ 0x10;
    await put('sealed', '1200.jsonl.gz', gzip);
    await put('sealed', '1300.jsonl.zst');
    await put('sealed', '1400.jsonl.zst', 'this is no zstd');
    await using chatlog = await start(twitch, dir);
    await recordsStill(twitch, chatlog);
    await chatlog.until('everything is drained', async () => {
      const left = await Promise.all((['recovered', 'sealed'] as const).map((at) => readdir(spool.path(at))));
      return left.flat().length === 0;
    });
    expect(await chatlog.stop()).toEqual({ code: 0, signal: null });

    const seeds = 'torn,zeros at the end,before,after,rubbish,more,recovered,sealed,zstd,gzip'.split(',');
    const wanted = seeds.flatMap((seed) => sampleLines(50, seed).toString('utf8').trimEnd().split('\n'));
    const archived = eventsOf(await readArchive(dir.join('archive'))).filter(
      ({ channel }) => channel === 'xqc',
    );
    expect(archived.map((event) => JSON.stringify(event)).sort()).toEqual(wanted.sort());
    const quarantined = (await readdir(spool.path('quarantine'))).sort();
    expect(quarantined.map((name) => name.replace('twitch_old_20261120_', ''))).toEqual([
      '0300.jsonl.bad-lines',
      '0400.jsonl.bad-lines',
      '1100.jsonl.zst',
      '1200.jsonl.gz',
      '1300.jsonl.zst',
      '1400.jsonl.zst',
    ]);
    for (const name of quarantined) expect(chatlog.output).toContain(name);
  }, 60_000);
});

describe('foreign things in the spool', () => {
  it('stops nothing, loses none of them and follows no link out of the spool', async () => {
    await using dir = await tempDir('spool');
    await using twitch = await startTwitchServer({ tls: false });
    const spool = await openSpool(dir.join('data'));
    const precious = `${sampleLines(3, 'precious')}and a torn line`;
    await writeFile(dir.join('precious.jsonl'), precious);
    const planted: string[] = [];
    for (const directory of ALL) {
      const plant = (name: string) => {
        planted.push(`${directory}/${name}`);
        return writeFile(spool.path(directory, name), `${directory}/${name}`);
      };
      await plant('notes.txt');
      await plant('.hidden');
      await plant('new\nline \u{1f4a9}.txt');
      await plant(`${'long'.repeat(60)}.txt`);
      await plant('twitch_%2E%2E%2F_20261120_0100.jsonl.exe');
      await mkdir(spool.path(directory, 'folder'));
      await plant('folder/inside');
      await mkdir(spool.path(directory, segment('1500.jsonl')));
      await plant(`${segment('1500.jsonl')}/inside`);
      await mkdir(spool.path(directory, segment('1501.jsonl.zst')));
      await symlink(dir.join('precious.jsonl'), spool.path(directory, segment('1600.jsonl')));
      await symlink('/nowhere', spool.path(directory, segment('1700.jsonl')));
      await symlink('/dev/zero', spool.path(directory, segment('1800.jsonl')));
      await symlink('/etc', spool.path(directory, 'link-to-directory'));
      // Reading one waits for somebody who writes.
      execFileSync('mkfifo', [spool.path(directory, segment('1900.jsonl'))]);
      const [, now] = /^(.{13})/.exec(new Date().toISOString())!;
      const hour = now!.replaceAll('-', '').replace('T', '_');
      execFileSync('mkfifo', [spool.path(directory, `twitch_${CHANNEL}_${hour}00.jsonl`)]);
      execFileSync('mkfifo', [spool.path(directory, `twitch_${CHANNEL}_${hour}01.jsonl.zst`)]);
    }
    await writeFile(spool.path('uploaded', segment('2300.jsonl')), sampleLines(1));
    for (let run = 0; run < 2; run++) {
      await using chatlog = await start(twitch, dir);
      await recordsStill(twitch, chatlog);
      await chatlog.until('the spool is cleared', async () => {
        const left = await Promise.all(
          (['recovered', 'sealed'] as const).map((at) => readdir(spool.path(at))),
        );
        return left.flat().length === 0;
      });
      await chatlog.until('what is verified is deleted', async () => {
        return !(await readdir(spool.path('uploaded'))).includes(segment('2300.jsonl'));
      });
      expect(await chatlog.stop()).toEqual({ code: 0, signal: null });
    }
    expect(await readFile(dir.join('precious.jsonl'), 'utf8')).toBe(precious);
    const contents = await contentsBelow(spool.root);
    expect(planted.filter((text) => !contents.includes(text))).toEqual([]);
    for (const target of [dir.join('precious.jsonl'), '/nowhere', '/dev/zero', '/etc']) {
      expect(contents.filter((text) => text === `link to ${target}`)).toHaveLength(ALL.length);
    }
    const texts = (await recordedIn(dir.path)).map(({ message }) => message);
    expect(texts.filter((text) => text === 'still here')).toHaveLength(2);
    expect(texts).not.toContain(JSON.parse(precious.split('\n')[0]!).message);
  }, 120_000);

  it.each([
    ['sealed', segment('2000.jsonl.zst')],
    ['recovered', segment('2000.jsonl')],
  ] as const)(
    'leaves a file that it may not read in %s, and goes on with the others',
    async (directory, file) => {
      await using dir = await tempDir('spool');
      await using twitch = await startTwitchServer({ tls: false });
      const spool = await openSpool(dir.join('data'));
      const lines = sampleLines(10, 'unreadable');
      const path = spool.path(directory, file);
      await writeFile(path, file.endsWith('.zst') ? zstdCompressSync(lines) : lines);
      await writeFile(spool.path('sealed', segment('2100.jsonl')), sampleLines(10, 'readable'));
      const wrapper = [
        ...['strace', '-f', '-qq', '-o', '/dev/null', '-P', path, '-e', 'trace=openat'],
        ...['-e', 'inject=openat:error=EACCES'],
      ];
      const archivedLines = async () =>
        eventsOf(await readArchive(dir.join('archive'))).filter(({ channel }) => channel === 'xqc').length;
      {
        await using chatlog = await start(twitch, dir, wrapper);
        await recordsStill(twitch, chatlog);
        await chatlog.until('the others are uploaded', async () => (await archivedLines()) === 10);
        await chatlog.until('it is named in the log', () => chatlog.output.includes(file));
        await chatlog.stop();
      }
      expect(await readdir(spool.path(directory))).toContain(file);
      await using chatlog = await start(twitch, dir);
      await chatlog.until('it is uploaded once it may be read', async () => (await archivedLines()) === 20);
      await chatlog.stop();
    },
    60_000,
  );
});

describe('a large spool', () => {
  it('of a thousand files is drained, while recording goes on', async () => {
    await using dir = await tempDir('spool');
    await using twitch = await startTwitchServer({ tls: false });
    const spool = await openSpool(dir.join('data'));
    const content = zstdCompressSync(sampleLines(5, 'many'));
    const FILES = 1_000;
    for (let number = 0; number < FILES; number++) {
      await writeFile(spool.path('sealed', `twitch_c${number}_20261120_0100.jsonl.zst`), content);
    }
    await using chatlog = await start(twitch, dir);
    await chatlog.ready();
    await recordsStill(twitch, chatlog);
    expect((await readdir(spool.path('sealed'))).length).toBeGreaterThan(0);
    await chatlog.until(
      'all are uploaded',
      async () => (await readdir(spool.path('sealed'))).length === 0,
      150_000,
    );
    await chatlog.stop();
    expect(await readdir(dir.join('archive/2026/11/20/twitch'))).toHaveLength(FILES);
  }, 240_000);

  it('of 240 MB is no reason to be late or to hold it in memory', async () => {
    await using dir = await tempDir('spool');
    await using twitch = await startTwitchServer({ tls: false });
    const spool = await openSpool(dir.join('data'));
    const block = sampleLines(30_000, 'large');
    const FILES = 12;
    const repeats = Math.ceil(20_000_000 / block.length);
    for (let number = 0; number < FILES; number++) {
      const parts = Array.from({ length: repeats }, () => block);
      await writeFile(spool.path(number < 2 ? 'open' : 'sealed', segment(`${10 + number}00.jsonl`)), parts);
    }
    await using chatlog = await start(twitch, dir);
    await chatlog.ready();
    expect((await chatlog.status()).upload.uploaded).toBeLessThan(FILES);
    await recordsStill(twitch, chatlog);
    await chatlog.until(
      'all are uploaded',
      async () => (await chatlog.status()).upload.uploaded >= FILES,
      150_000,
    );
    const peakKib = Number(
      /VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${chatlog.child.pid}/status`, 'utf8'))![1],
    );
    expect(peakKib).toBeLessThan(250 * 1024);
    await chatlog.stop();
    expect(await readdir(dir.join('archive/2026/11/20/twitch/old'))).toHaveLength(FILES);
  }, 240_000);
});
