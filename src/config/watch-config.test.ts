// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${...}` is what the configuration is filled in by
import { appendFile, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../../test/support/temp-dir.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { type LoadedConfig, loadConfig } from './load-config.ts';
import type { Problem } from './problem.ts';
import { watchConfig } from './watch-config.ts';

const channels = (...names: string[]) => `twitch: {channels: [${names.join(', ')}]}\n`;

async function watched(file: string, options: { pollIntervalMs?: number } = {}) {
  const current = await loadConfig(file, {});
  if (!current.ok) throw new Error('broken from the start');
  const changes: LoadedConfig[] = [];
  const broken: Problem[][] = [];
  const mended: number[] = [];
  const watcher = watchConfig({
    file,
    current,
    env: {},
    onChange: (loaded) => changes.push(loaded),
    onProblems: (problems) => broken.push(problems),
    onMended: () => mended.push(broken.length),
    settleMs: 10,
    pollIntervalMs: options.pollIntervalMs ?? 50,
  });
  const names = () =>
    changes
      .at(-1)
      ?.config.twitch?.channels.map(({ name }) => name)
      .join();
  return { watcher, changes, broken, mended, names };
}

describe('a watched configuration', () => {
  it('is told of a change that was written in place, and of one by rename', async () => {
    await using directory = await tempDir('watch');
    const file = directory.join('config.yaml');
    await writeFile(file, channels('a'));
    // No poll: the directory's events alone.
    const { watcher, names, changes } = await watched(file, { pollIntervalMs: 3_600_000 });
    await using _ = watcher;
    await writeFile(file, channels('a', 'b'));
    await waitFor('the change in place', () => names() === 'a,b');
    await writeFile(`${file}.new`, channels('c'));
    await rename(`${file}.new`, file);
    await waitFor('the change by rename', () => names() === 'c');
    expect(changes).toHaveLength(2);
  });

  it('is told of a change made between its first reading and the watch', async () => {
    await using directory = await tempDir('watch');
    const file = directory.join('config.yaml');
    await writeFile(file, channels('a'));
    const current = (await loadConfig(file, {})) as LoadedConfig;
    await writeFile(file, channels('b'));
    const changes: LoadedConfig[] = [];
    await using _ = watchConfig({
      file,
      current,
      env: {},
      onChange: (loaded) => changes.push(loaded),
      onProblems: () => {},
      settleMs: 1,
      pollIntervalMs: 3_600_000,
    });
    await waitFor('the change', () => changes.length === 1);
  });

  it('follows a symbolic link that is swapped, as Kubernetes does', async () => {
    await using directory = await tempDir('watch');
    for (const [version, name] of [
      ['v1', 'a'],
      ['v2', 'b'],
    ] as const) {
      await mkdir(directory.join(version));
      await writeFile(directory.join(version, 'config.yaml'), channels(name));
    }
    await symlink('v1', directory.join('..data'));
    await symlink('..data/config.yaml', directory.join('config.yaml'));
    const { watcher, names } = await watched(directory.join('config.yaml'), { pollIntervalMs: 3_600_000 });
    await using _ = watcher;
    await symlink('v2', directory.join('..tmp'));
    await rename(directory.join('..tmp'), directory.join('..data'));
    await waitFor('the swapped link', () => names() === 'b');
  });

  it('sees by polling what no event tells: a secret file in another directory', async () => {
    await using directory = await tempDir('watch');
    await mkdir(directory.join('secrets'));
    await writeFile(directory.join('secrets', 'token'), 'first1');
    const file = directory.join('config.yaml');
    await writeFile(file, 'twitch: {username: a, oauth: "${file:secrets/token}"}\n');
    const { watcher, changes } = await watched(file);
    await using _ = watcher;
    await writeFile(directory.join('secrets', 'token'), 'second2');
    await waitFor('the new token', () => changes.at(-1)?.config.twitch?.oauth === 'second2');
    expect(changes.at(-1)?.secrets).toEqual(['second2']);
  });

  it('keeps what it has when an edit is broken, says so once, and takes the mended file', async () => {
    await using directory = await tempDir('watch');
    const file = directory.join('config.yaml');
    await writeFile(file, channels('a'));
    const { watcher, names, broken, changes } = await watched(file);
    await using _ = watcher;
    await writeFile(file, 'twitch: {chanels: [a], port: x}\n');
    await waitFor('the problems', () => broken.length === 1);
    expect(broken[0]?.map(({ path }) => path)).toEqual(['twitch.chanels', 'twitch.port']);
    await rm(file);
    await waitFor('the missing file', () => broken.length === 2);
    expect(broken[1]?.[0]?.message).toBe('does not exist');
    expect(changes).toEqual([]);
    await writeFile(file, channels('z'));
    await waitFor('the mended file', () => names() === 'z');
    expect(broken).toHaveLength(2);
  });

  it('is told that a broken edit was taken back, once, though nothing has changed', async () => {
    await using directory = await tempDir('watch');
    const file = directory.join('config.yaml');
    await writeFile(file, channels('a'));
    const { watcher, changes, broken, mended } = await watched(file);
    await using _ = watcher;
    await writeFile(file, 'twitch: [');
    await waitFor('the problem', () => broken.length === 1);
    // In one step: a file that is still empty is a valid configuration.
    await writeFile(`${file}.new`, channels('a'));
    await rename(`${file}.new`, file);
    await waitFor('the end of it', () => mended.length > 0);
    expect(await watcher.reload()).toBe('unchanged');
    expect(mended).toEqual([1]);
    expect(changes).toEqual([]);
  });

  it('is not told of an edit that changes no value', async () => {
    await using directory = await tempDir('watch');
    const file = directory.join('config.yaml');
    await writeFile(file, channels('a'));
    const { watcher, names, changes } = await watched(file);
    await using _ = watcher;
    await appendFile(file, '# a comment\n');
    expect(await watcher.reload()).toBe('unchanged');
    await writeFile(file, channels('b'));
    await waitFor('the real change', () => names() === 'b');
    expect(changes).toHaveLength(1);
  });

  it('is read at once by reload, which tells problems every time', async () => {
    await using directory = await tempDir('watch');
    const file = directory.join('config.yaml');
    await writeFile(file, channels('a'));
    const { watcher, names, broken } = await watched(file, { pollIntervalMs: 3_600_000 });
    await using _ = watcher;
    await writeFile(file, channels('b'));
    await watcher.reload();
    expect(names()).toBe('b');
    await writeFile(file, '- x');
    expect(await watcher.reload()).toBe('broken');
    const told = broken.length;
    expect(await watcher.reload()).toBe('broken');
    expect(broken.length).toBe(told + 1);
  });

  it('is told nothing any more once disposed', async () => {
    await using directory = await tempDir('watch');
    const file = directory.join('config.yaml');
    await writeFile(file, channels('a'));
    const { watcher, changes, broken } = await watched(file, { pollIntervalMs: 5 });
    await watcher[Symbol.asyncDispose]();
    await writeFile(file, channels('b'));
    // Many polls' time: nothing may come, so there is nothing to wait for.
    await sleep(100);
    expect([...changes, ...broken]).toEqual([]);
  });
});
