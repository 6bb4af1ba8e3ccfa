import { open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chatLine } from '../support/chat-line.ts';
import { compareTwitch, NOTHING_WRONG, recordedIn } from '../support/recorded.ts';
import { type RunningChatlog, runChatlog } from '../support/run-chatlog.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { tempDir } from '../support/temp-dir.ts';
import { joined, twitchConfig } from '../support/twitch-run.ts';
import { startTwitchServer, type TwitchServer } from '../support/twitch-server.ts';
import { waitFor } from '../support/wait-for.ts';

const CHANNEL = 'full';
const WAIT_MS = 90_000;

function start(twitch: TwitchServer, directory: string): Promise<RunningChatlog> {
  const config = twitchConfig(twitch, {
    directory,
    channels: [CHANNEL],
    // A connection that waits for the disk is not dead, however long it is not read.
    twitch: { ping_after_seconds: 1, ping_timeout_seconds: 1 },
    recorder: { max_buffer_size: 500, rotate_bytes: 100_000 },
  });
  return runChatlog({ directory, config });
}

/** 13 MB of chat: more than disk, buffer and both ends of a socket hold. */
function muchChat(): string[] {
  return Array.from({ length: 13_000 }, (_, number) => chatLine(CHANNEL, `${number} ${'x'.repeat(700)}`));
}

function diskLog(chatlog: RunningChatlog, text: string): boolean {
  return chatlog.log().some(({ msg }) => msg.includes(text));
}

describe('a full disk', () => {
  it('makes sockets wait, says so, drains without needing disk, and nothing is torn or lost', async () => {
    await using dir = await tempDir('disk-full');
    await using _data = await mountSmallDisk(dir.join('data'), 1024);
    await using archive = await mountSmallDisk(dir.join('archive'), 256);
    await using twitch = await startTwitchServer({ tls: false });
    await using chatlog = await start(twitch, dir.path);
    await joined(chatlog, CHANNEL);
    const lines = muchChat();
    const said = twitch.replay(lines);

    // The archive fills, then the spool: segments cannot leave.
    await chatlog.until('the disk is full', () => diskLog(chatlog, 'the disk takes no more lines'), WAIT_MS);
    await chatlog.until('the storage is full', () => /storage_full|ENOSPC/.test(chatlog.output), WAIT_MS);
    await waitFor('the server sees backpressure', () => twitch.connections()[0]!.backlogBytes > 0);
    const url = await chatlog.url();
    expect((await fetch(`${url}/health/ready`)).status).toBe(503);
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    const { components, recorder } = await chatlog.status();
    expect(components.recorder).toMatchObject({ ok: false, detail: expect.stringContaining('ENOSPC') });
    expect(recorder.queued).toBeGreaterThanOrEqual(500);
    const { recorded } = recorder;
    expect(recorded).toBeLessThan(lines.length);
    expect(chatlog.exit).toBeUndefined();

    // Room in the archive is all that is needed: the spool's disk stays as small as it is.
    await archive.resize(64 * 1024);
    await chatlog.until(
      'every line is recorded',
      async () => (await chatlog.status()).recorder.recorded >= lines.length,
      WAIT_MS,
    );
    await said;
    expect(diskLog(chatlog, 'the disk takes lines again')).toBe(true);
    await chatlog.until('ready again', async () => (await fetch(`${url}/health/ready`)).ok);
    expect(await chatlog.stop()).toEqual({ code: 0, signal: null });
    expect(twitch.accepted).toBe(1);
    expect(compareTwitch(await recordedIn(dir.path), lines)).toEqual(NOTHING_WRONG);
  }, 300_000);

  it('does not keep it from starting, and after kill -9 leaves nothing torn', async () => {
    await using dir = await tempDir('disk-full');
    await using data = await mountSmallDisk(dir.join('data'), 1024);
    await using twitch = await startTwitchServer({ tls: false });
    const first = await start(twitch, dir.path);
    await joined(first, CHANNEL);
    const before = Array.from({ length: 50 }, (_, number) => chatLine(CHANNEL, `before ${number}`));
    twitch.sayTo(CHANNEL, ...before);
    await first.until('recorded', async () => (await first.status()).recorder.recorded >= before.length);
    const filler = join(data.path, 'somebody-elses-file');
    await fill(filler);
    const during = Array.from({ length: 400 }, (_, number) => chatLine(CHANNEL, `during ${number}`));
    twitch.sayTo(CHANNEL, ...during);
    await first.until('the disk is full', () => diskLog(first, 'the disk takes no more lines'));
    const { recorded } = (await first.status()).recorder;
    expect(recorded).toBeGreaterThan(before.length);
    await first.kill();

    await using second = await start(twitch, dir.path);
    // state/run.json cannot be written, but the log says where it listens.
    await second.until('it records again', () => twitch.joined(CHANNEL) === 1);
    const after = Array.from({ length: 50 }, (_, number) => chatLine(CHANNEL, `after ${number}`));
    twitch.sayTo(CHANNEL, ...after);
    await second.until('the disk is still full', () => diskLog(second, 'the disk takes no more lines'));
    await unlink(filler);
    await second.until('there is room again', () => diskLog(second, 'the disk takes lines again'));
    expect(await second.stop()).toEqual({ code: 0, signal: null });
    const said = [...before, ...during, ...after];
    const events = await recordedIn(dir.path);
    const { missing, doubled, foreign } = compareTwitch(events, said);
    expect({ doubled, foreign }).toEqual({ doubled: [], foreign: [] });
    // What only waited in memory when it was killed is gone (here is no backfill); what was recorded is not.
    expect(said.length - missing.length).toBeGreaterThanOrEqual(recorded + after.length);
    expect(compareTwitch(events, [...before, ...after]).missing).toEqual([]);
  }, 120_000);
});

/** Writes until nothing more fits. */
async function fill(path: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    for (const size of [65_536, 4_096, 1]) {
      for (;;) {
        try {
          await file.writeFile(Buffer.alloc(size));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
          break;
        }
      }
    }
  } finally {
    await file.close();
  }
}
