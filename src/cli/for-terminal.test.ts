import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { putSegment } from '../../test/support/archive-objects.ts';
import { chatlog } from '../../test/support/run-command.ts';
import { chatlogInTerminal } from '../../test/support/run-in-terminal.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { createDirectoryObjectStore } from '../storage/directory-object-store.ts';
import { forTerminal } from './for-terminal.ts';
import { tail } from './tail.ts';

const { isTTY, getColorDepth } = process.stdout;
const LINE = JSON.stringify({
  timestamp: '2026-11-20T13:00:05.000Z',
  channel: 'xqc',
  username: 'ann',
  message: 'hello \u009b2J\u202e',
  platform: 'irc-a',
});

beforeEach(() => {
  Object.assign(process.stdout, { isTTY: true, getColorDepth: () => 1 });
});
afterEach(() => {
  Object.assign(process.stdout, { isTTY, getColorDepth });
});

it('a terminal obeys nothing, and JSON stays the same', () => {
  const shown = forTerminal(Buffer.from(`${LINE}\n\ta\n`));
  expect(shown).toBe(`${LINE.replace('\u009b', '\\u009b').replace('\u202e', '\\u202e')}\n\ta\n`);
  expect(JSON.parse(String(shown).split('\n')[0]!)).toEqual(JSON.parse(LINE));
  process.stdout.isTTY = false;
  const bytes = Buffer.from([0x1b, 0xff]);
  expect(forTerminal(bytes)).toBe(bytes);
});

it('search --json escapes what it prints to a terminal, and nothing else', async () => {
  await using directory = await tempDir('terminal');
  const store = await createDirectoryObjectStore(directory.join('archive'));
  await putSegment(store, { platform: 'irc-a', channel: 'xqc', startMs: Date.UTC(2026, 10, 20, 13) }, [LINE]);
  for (const context of [[], ['--context', '1']]) {
    const args = ['search', '--archive', 'archive', '--json', ...context, 'hello'];
    expect(await chatlogInTerminal(directory.path, ...args)).toBe(forTerminal(`${LINE}\n`));
    expect(await chatlog(directory.path, ...args)).toMatchObject({ code: 0, stdout: `${LINE}\n` });
  }
});

it('tail --json escapes what it prints to a terminal', async () => {
  let connections = 0;
  const server = createServer((_, response) => {
    connections++;
    if (connections > 1) return void response.writeHead(401).end();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(`event: message\nid: 1\ndata: ${LINE}\n\n`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const out = vi.fn();
  try {
    const { port } = server.address() as AddressInfo;
    const options = { config: '', url: `http://127.0.0.1:${port}`, json: true };
    const terminal = { out, err() {}, style: (_: string, text: string) => text };
    await expect(tail(options, terminal)).rejects.toMatchObject({ code: 'refused' });
    expect(out.mock.calls).toEqual([[forTerminal(LINE)]]);
  } finally {
    server.close();
  }
});
