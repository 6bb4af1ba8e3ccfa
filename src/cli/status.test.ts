import { mkdir, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { capturedTerminal } from '../../test/support/captured-terminal.ts';
import { type TempDir, tempDir } from '../../test/support/temp-dir.ts';
import type { StatusReport } from '../api/status.ts';
import { status } from './status.ts';

const NOW = Date.UTC(2026, 10, 21, 13, 0, 0);

const REPORT: StatusReport = {
  version: '1.2.3',
  instance: 'one',
  startedAt: '2026-11-21T10:00:00.000Z',
  uptimeSeconds: 10_800,
  healthy: true,
  components: { disk: { ok: true, detail: 'fine' } },
  channels: [
    {
      platform: 'twitch',
      channel: 'xqc',
      state: 'joined',
      since: '',
      messagesPerMinute: 123.4,
      lastMessageAt: '2026-11-21T12:59:57.000Z',
      lines: 5000,
    },
    {
      platform: 'irc-net',
      channel: '#a\u202e',
      state: 'banned',
      reason: 'cannot join (+b)',
      since: '',
      messagesPerMinute: 0,
      lastMessageAt: null,
      lines: 0,
    },
  ],
  connections: [
    { platform: 'twitch', id: '1', state: 'connected', channels: 1, lastHeardAt: '2026-11-21T12:59:59.000Z' },
  ],
  spool: {
    openFiles: 2,
    openBytes: 2048,
    sealedFiles: 1,
    sealedBytes: 1024 ** 2,
    uploadedFiles: 0,
    quarantinedFiles: 1,
    freeBytes: 5 * 1024 ** 3,
  },
  upload: {
    store: 's3://b',
    oldestNotUploadedAt: '2026-11-21T12:00:00.000Z',
    oldestNotUploadedAgeSeconds: 3600,
    inFlight: 1,
    lastError: '403',
    uploaded: 9,
    failedAttempts: 3,
  },
  recorder: {
    recorded: 5000,
    duplicates: 7,
    sampledOut: 0,
    withheld: 0,
    dropped: 0,
    gaps: 1,
    parseFailures: 0,
    queued: 0,
    queuedBytes: 0,
    lastCommitMs: 0.4,
  },
  index: {
    ...{
      database: 'PGlite in data/index',
      state: 'catching_up',
      lagSeconds: 75,
      lines: 9,
      inserted: 8,
      rejected: 0,
    },
    ...{ waitingFiles: 2, refusedFiles: 0, scannedAt: null, failedObjects: 0, lastError: null },
  },
  live: { clients: 0, delivered: 0, dropped: 0 },
  retention: null,
};

const answering = (body: unknown, code = 200) => {
  const asked: string[] = [];
  const fetcher = async (url: string | URL | Request) => {
    asked.push(String(url));
    return new Response(JSON.stringify(body), { status: code });
  };
  return { asked, tools: { fetch: fetcher as typeof fetch, now: () => NOW } };
};

async function configured(directory: TempDir, run?: object): Promise<string> {
  const file = directory.join('config.yaml');
  await writeFile(file, '');
  await mkdir(directory.join('data', 'state'), { recursive: true });
  if (run) await writeFile(directory.join('data', 'state', 'run.json'), JSON.stringify(run));
  return file;
}

describe('chatlog status', () => {
  it('finds the running instance through its data directory and shows what matters first', async () => {
    await using directory = await tempDir('status');
    const config = await configured(directory, { pid: process.pid, url: 'http://127.0.0.1:4321' });
    const terminal = capturedTerminal();
    const { asked, tools } = answering(REPORT);
    expect(await status({ config }, terminal, tools)).toBe(0);
    expect(asked).toEqual(['http://127.0.0.1:4321/status']);
    const lines = terminal.stdout.split('\n');
    expect(lines[0]).toBe('chatlog one 1.2.3, healthy, up 3 h');
    expect(lines[3]).toMatch(/^irc-net {3}#a\\u202e {2}banned .* cannot join \(\+b\)$/);
    expect(lines[4]).toMatch(/^twitch {4}xqc {7}joined {6}123 {3}3 s {3}5000$/);
    expect(terminal.stdout).toContain('5000 lines, 7 duplicates, 1 gaps, last commit took 0.4 ms');
    expect(terminal.stdout).toContain('oldest waiting since 2026-11-21T12:00:00.000Z (60 min)');
    expect(terminal.stdout).toContain('last error: 403');
    expect(terminal.stdout).toContain('1 files in quarantine');
    expect(terminal.stdout).toContain(
      'PGlite in data/index: catching up, 75 s behind, 8 rows since the start',
    );
  });

  it('leaves out a table without rows', async () => {
    const terminal = capturedTerminal();
    const { tools } = answering({ ...REPORT, connections: [] });
    expect(await status({ config: 'none', url: 'http://127.0.0.1:1' }, terminal, tools)).toBe(0);
    expect(terminal.stdout).not.toContain('CONNECTION');
    expect(terminal.stdout).not.toContain('\n\n\n');
  });

  it('says that a recorder runs which cannot be asked', async () => {
    await using directory = await tempDir('status');
    const config = await configured(directory, { pid: process.pid, url: null });
    const terminal = capturedTerminal();
    expect(await status({ config }, terminal)).toBe(1);
    expect(terminal.stderr).toBe(
      `A recorder runs (pid ${process.pid}), but its HTTP server does not listen (http.port taken or http switched off).\n`,
    );
  });

  it('gives the report as JSON, and fails where it is not healthy', async () => {
    const terminal = capturedTerminal();
    const { tools } = answering({ ...REPORT, healthy: false }, 503);
    expect(await status({ config: 'none', url: 'http://127.0.0.1:1/', json: true }, terminal, tools)).toBe(1);
    expect(JSON.parse(terminal.stdout)).toEqual({ ...REPORT, healthy: false });
  });

  it.each([
    ['no file', undefined],
    ['a dead process', { pid: 2 ** 22 + 1, url: 'http://127.0.0.1:1' }],
    ['nonsense', { pid: -1, url: 5 }],
  ])('says that nothing runs where run.json is %s', async (_, run) => {
    await using directory = await tempDir('status');
    const config = await configured(directory, run);
    const terminal = capturedTerminal();
    expect(await status({ config }, terminal)).toBe(1);
    expect(terminal.stderr).toContain(`No recorder runs with data_dir ${directory.join('data')}`);
    expect(terminal.stderr).toContain('the recorder may have been started with another');
    expect(terminal.stderr).toContain('chatlog run');
  });

  it('says when the address does not answer, or is somebody else', async () => {
    const terminal = capturedTerminal();
    // Port 9 (discard) of the loopback: nobody listens.
    expect(await status({ config: 'none', url: 'http://127.0.0.1:9' }, terminal)).toBe(1);
    expect(terminal.stderr).toMatch(/does not answer: .+/);
    expect(
      await status({ config: 'none', url: 'http://127.0.0.1:1' }, terminal, answering({ hello: 1 }).tools),
    ).toBe(1);
    expect(terminal.stderr).toContain('that is no Chatlog');
    expect(
      await status({ config: 'none', url: 'http://127.0.0.1:1' }, terminal, answering({}, 404).tools),
    ).toBe(1);
    expect(terminal.stderr).toContain('HTTP status 404');
  });
});
