import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { capturedTerminal } from '../../test/support/captured-terminal.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { openArchiveOf, parseSelection } from './archive-options.ts';

const NOW_MS = Date.UTC(2026, 10, 21, 12);
const DAY_MS = 86_400_000;

describe('what of the archive', () => {
  it('is said by platforms, channels, times and people', () => {
    const options = {
      ...{ platform: ['twitch', 'irc-libera'], channel: ['x*'], since: '7d', until: '2026-11-21' },
      user: ['Ann', 'id:7', '123'],
    };
    expect(parseSelection(options, NOW_MS)).toEqual({
      selection: {
        platforms: ['twitch', 'irc-libera'],
        channels: ['x*'],
        fromMs: NOW_MS - 7 * DAY_MS,
        toMs: Date.UTC(2026, 10, 21),
        users: [
          { id: undefined, logins: ['ann'] },
          { id: '7', logins: [] },
          { id: undefined, logins: ['123'] },
          { id: '123', logins: [] },
        ],
      },
    });
    const last = parseSelection({ last: '12h', until: '2026-11-21T06:00:00Z' }, NOW_MS);
    expect(last).toMatchObject({ selection: { fromMs: Date.UTC(2026, 10, 20, 18) } });
    expect(parseSelection({}, NOW_MS)).toMatchObject({ selection: { fromMs: undefined, toMs: undefined } });
  });

  it('is refused with everything that is wrong with it', () => {
    const options = {
      platform: ['Twitch'],
      channel: [''],
      since: 'yesterday',
      until: '2026-13-01',
      last: '5x',
    };
    const parsed = parseSelection(options, NOW_MS);
    expect('problems' in parsed && parsed.problems.length).toBe(6);
    const swapped = parseSelection({ since: '2026-11-02', until: '2026-11-01' }, NOW_MS);
    expect(swapped).toEqual({ problems: ['--until should be after --since'] });
  });
});

describe('which archive', () => {
  it('is the one that is named, and nothing is made in it', async () => {
    await using directory = await tempDir();
    await mkdir(directory.join('old'));
    const terminal = capturedTerminal();
    using archive = await openArchiveOf(
      { config: directory.join('none.yaml'), archive: directory.join('old') },
      terminal,
    );
    const { signal } = new AbortController();
    expect(await Array.fromAsync(archive!.store.list('', signal))).toEqual([]);
    expect(await readdir(directory.join('old'))).toEqual([]);
    expect(archive!.config).toBeUndefined();
  });

  it('is the configured one where none is named', async () => {
    await using directory = await tempDir();
    await mkdir(directory.join('archive'));
    await writeFile(directory.join('config.yaml'), 'twitch: { channels: [xqc] }\n');
    const terminal = capturedTerminal();
    using archive = await openArchiveOf({ config: directory.join('config.yaml') }, terminal);
    expect(archive!.store.name).toBe(directory.join('archive'));
  });

  it('is asked for where nothing says it', async () => {
    await using directory = await tempDir();
    const terminal = capturedTerminal();
    expect(await openArchiveOf({ config: directory.join('none.yaml') }, terminal)).toBeUndefined();
    expect(terminal.stderr).toContain('--archive');
    const nowhere = openArchiveOf({ config: '', archive: directory.join('nowhere') }, terminal);
    await expect(nowhere).rejects.toMatchObject({ code: 'archive_missing' });
    const nameless = openArchiveOf({ config: '', archive: 's3:///prefix' }, terminal);
    await expect(nameless).rejects.toMatchObject({ code: 'archive_invalid' });
  });
});
