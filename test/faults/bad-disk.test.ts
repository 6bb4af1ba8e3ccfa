import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { chatLine } from '../support/chat-line.ts';
import { startRecentMessagesServer } from '../support/recent-messages-server.ts';
import { compareTwitch, NOTHING_WRONG, recordedIn } from '../support/recorded.ts';
import { tempDir } from '../support/temp-dir.ts';
import { arrived, joined, runOnTwitch } from '../support/twitch-run.ts';
import { startTwitchServer } from '../support/twitch-server.ts';
import { waitFor } from '../support/wait-for.ts';
import { talkSteadily } from './steady-talk.ts';

const CHANNELS = ['one', 'two', 'three'];

/**
 * What fails, and what the log then says of it (so that it is known to have met the recorder). strace counts calls for
 * each thread; what has to work (a start, a log line) comes first.
 */
const FAULTS: [what: string, inject: string, says: RegExp][] = [
  ['one fdatasync', 'fdatasync:error=EIO:when=4', /given up/],
  ['every third fdatasync', 'fdatasync:error=EIO:when=3+3', /given up/],
  ['every third write of lines', 'pwrite64:error=EIO:when=2+3', /given up/],
  ['some writes of lines, for want of space', 'pwrite64:error=ENOSPC:when=2..30+2', /takes no more lines/],
  ['every fifth fsync', 'fsync:error=EIO:when=5+5', /EIO/],
  ['every third rename', 'rename:error=EIO:when=3+3', /EIO/],
  ['every second removal', 'unlink:error=EIO:when=1+2', /EIO/],
  ['every second link into the archive', 'link:error=EIO:when=1+2', /an upload failed/],
  ['every second cut after a failed write', 'ftruncate:error=EIO:when=1+2', /given up/],
  [
    'some opens, for want of file handles',
    'openat:error=EMFILE:when=80..200+3',
    /EMFILE|too many open files/,
  ],
];

describe('a bad disk under the whole process', () => {
  it.concurrent.each(FAULTS)(
    'fails %s: every line is there once in the end',
    async (_, inject, says) => {
      await using dir = await tempDir('bad-disk');
      await using twitch = await startTwitchServer({ tls: false, historyMax: 10_000 });
      await using history = await startRecentMessagesServer({ history: twitch.history });
      const options = {
        directory: dir.path,
        channels: CHANNELS,
        twitch: { backfill: { enabled: true, url: history.url } },
        recorder: { rotate_bytes: 10_000 },
      };
      const trace = dir.join('trace');
      const syscall = inject.slice(0, inject.indexOf(':'));
      // A cut comes after a write that failed.
      const also = syscall === 'ftruncate' ? ['-e', 'inject=pwrite64:error=EIO:when=2+3'] : [];
      await using chatlog = await runOnTwitch(twitch, {
        ...options,
        wrapper: [
          ...[
            'strace',
            '-f',
            '-qq',
            '--seccomp-bpf',
            '-s',
            '8',
            '-o',
            trace,
            '-e',
            `trace=${syscall},pwrite64`,
          ],
          ...['-e', `inject=${inject}`, ...also],
        ],
      });
      await waitFor('it joins or leaves', () => chatlog.exit || twitch.joined(CHANNELS[2]!) === 1, {
        timeoutMs: 60_000,
      });
      const talk = talkSteadily(twitch, CHANNELS, 150);
      const isInjected = async () =>
        new RegExp(` ${syscall}\\(.*INJECTED`).test(await readFile(trace, 'utf8').catch(() => ''));
      await waitFor('the fault', isInjected, { timeoutMs: 60_000 });
      await waitFor('enough talk', () => talk.lines.length > 400, { timeoutMs: 60_000 });
      await talk.stop();
      // It went on, or it left to be started again; then with an exit code that says so.
      if (chatlog.exit) expect(chatlog.exit).toEqual({ code: 1, signal: null });
      else await chatlog.stop();
      expect(chatlog.output).toMatch(says);

      await using next = await runOnTwitch(twitch, options);
      await joined(next, ...CHANNELS);
      await arrived(next, talk.lines);
      expect(await next.stop()).toEqual({ code: 0, signal: null });
      expect(compareTwitch(await recordedIn(dir.path), talk.lines)).toEqual(NOTHING_WRONG);
    },
    180_000,
  );
});

describe('a process with few file handles', () => {
  it('closes files it does not need and goes on recording more channels than it may have files open', async () => {
    const channels = Array.from({ length: 120 }, (_, number) => `channel${number}`);
    await using dir = await tempDir('few-handles');
    await using twitch = await startTwitchServer({ tls: false, channelsMax: 1_000 });
    await using chatlog = await runOnTwitch(twitch, {
      directory: dir.path,
      channels,
      twitch: { channels_per_connection: 200 },
      wrapper: ['prlimit', '--nofile=80'],
    });
    await joined(chatlog, ...channels);
    const lines: string[] = [];
    for (let round = 0; round < 5; round++) {
      for (const channel of channels) {
        const line = chatLine(channel, `round ${round}`);
        lines.push(line);
        twitch.sayTo(channel, line);
      }
      await arrived(chatlog, lines);
    }
    expect(await chatlog.stop()).toEqual({ code: 0, signal: null });
    expect(compareTwitch(await recordedIn(dir.path), lines)).toEqual(NOTHING_WRONG);
  }, 120_000);
});
