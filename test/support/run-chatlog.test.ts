/** The handling of the process, on a small program that behaves as Chatlog does towards its runner. */
import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { RunningChatlog } from './run-chatlog.ts';
import { type TempDir, tempDir } from './temp-dir.ts';

const PROGRAM = `
  import { createServer } from 'node:http';
  import { writeFileSync } from 'node:fs';
  const server = createServer((request, response) => {
    if (request.url === '/metrics') response.end('lines_total{channel="a"} 2\\n');
    else response.setHeader('content-type', 'application/json').end(JSON.stringify({ path: request.url }));
  });
  server.listen(0, '127.0.0.1', () => {
    writeFileSync('data/state/run.json', JSON.stringify({ url: 'http://127.0.0.1:' + server.address().port + '/' }));
    console.log('plain words');
    console.log(JSON.stringify({ level: 'info', msg: 'started' }));
  });
  process.on('SIGTERM', () => process.exit(3));
`;

async function start(directory: TempDir, program: string, wrapper: string[] = []): Promise<RunningChatlog> {
  await mkdir(directory.join('data', 'state'), { recursive: true });
  const file = directory.join('program.mjs');
  await writeFile(file, program);
  const [command, ...args] = [...wrapper, process.execPath, file];
  const child = spawn(command!, args, { cwd: directory.path, stdio: ['ignore', 'pipe', 'pipe'] });
  return new RunningChatlog(child, directory.path, directory.join('config.yaml'), directory.join('data'));
}

test('a running process is found, asked, read and stopped', async () => {
  await using directory = await tempDir();
  await using chatlog = await (await start(directory, PROGRAM)).ready();
  expect(await chatlog.status()).toEqual({ path: '/status' });
  expect(await chatlog.metrics()).toEqual([{ name: 'lines_total', labels: { channel: 'a' }, value: 2 }]);
  expect(chatlog.log()).toEqual([{ level: 'info', msg: 'started' }]);
  expect(chatlog.exit).toBeUndefined();
  expect(await chatlog.stop()).toEqual({ code: 3, signal: null });
});

test('a signal reaches the process behind a wrapper', async () => {
  await using directory = await tempDir();
  const wrapper = ['strace', '-f', '-qq', '-e', 'trace=none', '-o', '/dev/null'];
  await using chatlog = await (await start(directory, PROGRAM, wrapper)).ready();
  // strace ends as its program did.
  expect(await chatlog.stop()).toEqual({ code: 3, signal: null });
});

test('a process that ends is not waited for any longer, and its last words are shown', async () => {
  await using directory = await tempDir();
  await using chatlog = await start(directory, 'console.error("no storage"); process.exitCode = 7;');
  await expect(chatlog.ready()).rejects.toThrow(/Chatlog ended \(code 7\), waited in vain[\s\S]*no storage/);
});
