/** The live feed of a running Chatlog: what is recorded is seen, by who is quick and by who is not. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import type { ChatEvent } from '../../src/event.ts';
import { liveClient } from '../support/live-client.ts';
import { chatLine, chatLines } from '../support/live-lines.ts';
import { metricValue } from '../support/parse-metrics.ts';
import { recordedIn } from '../support/recorded.ts';
import { BIN, NODE } from '../support/run-command.ts';
import { slowReader } from '../support/slow-reader.ts';
import { tempDir } from '../support/temp-dir.ts';
import { arrived, joined, runOnTwitch } from '../support/twitch-run.ts';
import { startTwitchServer } from '../support/twitch-server.ts';

test('each line is given as it is recorded, without an index, to whoever asks for its channel, user, type or text', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  await using chatlog = await runOnTwitch(server, { directory: directory.path, channels: ['ann', 'bob'] });
  await joined(chatlog, 'ann', 'bob');
  const url = await chatlog.url();
  await using all = await liveClient(url, '?type=message');
  await using bob = await liveClient(url, '?channel=%23BO*');
  await using user = await liveClient(url, '?user=ann&search=TWO');
  await using other = await liveClient(url, '?type=ban,timeout');
  server.sayTo('ann', chatLine('ann', 'one'), chatLine('ann', 'two \u{1F44B}'));
  server.sayTo('bob', chatLine('bob', 'three'));
  await chatlog.until('all lines came', () => all.lines().length === 3 && bob.lines().length === 1);
  expect(bob.messages()).toEqual(['three']);
  expect(user.messages()).toEqual(['two \u{1F44B}']);
  expect(other.events).toEqual([]);
  const metrics = await chatlog.metrics();
  expect(metricValue(metrics, 'chatlog_live_clients')).toBe(4);
  expect(metricValue(metrics, 'chatlog_live_lines_total')).toBe(5);
  for (const query of ['?type=nonsense', '?chanel=ann', '?since=yesterday'])
    await expect(liveClient(url, query)).rejects.toThrow(/^400 .*invalid_parameters/);
  await chatlog.stop();
  expect(all.lines().toSorted()).toEqual(
    (await recordedIn(directory.path))
      .filter(({ type }) => type === undefined)
      .map((event) => JSON.stringify(event))
      .toSorted(),
  );
});

test('who comes back goes on without a hole: from memory, and from the files of a recorder that died', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  const options = { directory: directory.path, channels: ['ann'] };
  await using first = await runOnTwitch(server, options);
  await joined(first, 'ann');
  const before = await liveClient(await first.url(), '?type=message');
  const lines = chatLines('ann', 40);
  server.sayTo('ann', ...lines.slice(0, 10));
  await first.until('ten came', () => before.lines().length === 10);
  await before[Symbol.asyncDispose]();
  server.sayTo('ann', ...lines.slice(10, 20));
  await arrived(first, lines.slice(0, 20));
  const again = await liveClient(await first.url(), '?type=message', before.events.at(-1)!.id);
  server.sayTo('ann', ...lines.slice(20, 25));
  await first.until('the others came', () => again.lines().length >= 15);
  await again[Symbol.asyncDispose]();
  server.sayTo('ann', ...lines.slice(25, 30));
  await arrived(first, lines.slice(0, 30));
  await first.kill();

  await using second = await runOnTwitch(server, options);
  await joined(second, 'ann');
  server.sayTo('ann', ...lines.slice(30, 35));
  await arrived(second, lines.slice(0, 35));
  await using late = await liveClient(await second.url(), '?type=message', again.events.at(-1)!.id);
  server.sayTo('ann', ...lines.slice(35));
  await arrived(second, lines);
  const recorded = (await recordedIn(directory.path)).filter(({ type }) => type === undefined);
  const seen = () => new Set([before, again, late].flatMap((client) => client.lines()));
  await second.until('all were seen', () => seen().size === recorded.length);
  expect(again.lines()).toHaveLength(15);
  const twice = new Set(before.lines()).intersection(new Set(again.lines()));
  expect(twice.size, 'from memory, no line comes twice').toBe(0);
  await using since = await liveClient(await second.url(), '?since=1h&type=message');
  await second.until('what was said before is there', () => since.lines().length === recorded.length);
  expect(since.messages()).toEqual(
    recorded
      .toSorted((a, b) => (a.received_at ?? '').localeCompare(b.received_at ?? ''))
      .map(({ message }) => message),
  );
});

test('who reads too slowly is told how many lines are missing, and nobody else notices', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  await using chatlog = await runOnTwitch(server, { directory: directory.path, channels: ['ann'] });
  await joined(chatlog, 'ann');
  const url = await chatlog.url();
  const slow = await slowReader(Number(new URL(url).port), '/api/live?type=message');
  await using quick = await liveClient(url, '?type=message');
  const lines = chatLines('ann', 12_000).map((line) => `${line} ${'x'.repeat(400)}`);
  for (let at = 0; at < lines.length; at += 500) {
    server.sayTo('ann', ...lines.slice(at, at + 500));
    await chatlog.until('the quick one has it', () => quick.lines().length >= at + 500);
  }
  const { recorder, live } = await chatlog.status();
  expect(recorder.dropped).toBe(0);
  expect(live.dropped).toBeGreaterThan(0);
  expect(quick.events.filter(({ name }) => name === 'dropped')).toEqual([]);
  let text = '';
  const reading = slow.readAll((piece) => {
    text += piece.toString('latin1');
  });
  const dropped = () =>
    [...text.matchAll(/event: dropped\r?\ndata: {"lines":(\d+)}/g)].reduce(
      (sum, [, n]) => sum + Number(n),
      0,
    );
  await chatlog.until('it was told', () => dropped() > 0);
  server.sayTo('ann', chatLine('ann', 'and then'));
  await chatlog.until('it goes on', () => text.includes('and then'));
  // The first piece was read before anybody looked; it held the answer's head.
  const given = text.match(/^data: \{"timestamp"/gm)?.length ?? 0;
  expect(given + dropped()).toBe(lines.length + 1);
  slow.socket.destroy();
  await reading.catch(() => {});
});

test('chatlog tail shows what is said, comes back when the recorder does, and ends when it is told to', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  const options = { directory: directory.path, channels: ['ann'] };
  const first = await runOnTwitch(server, options);
  await joined(first, 'ann');
  const url = await first.url();
  const port = Number(new URL(url).port);
  const tail = spawn(NODE, [BIN, 'tail', '--url', url], { env: { ...process.env, NO_COLOR: '1' } });
  let stdout = '';
  let stderr = '';
  tail.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  tail.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  await first.until('it looks on', async () => (await first.status()).live.clients === 1);
  server.sayTo('ann', chatLine('ann', 'hello \x1b[31mred'), chatLine('ann', '\x01ACTION waves\x01'));
  await first.until('both were shown', () => stdout.includes('waves'));
  expect(stdout).toMatch(
    /^\d\d:\d\d:\d\d #ann [~@%]*Ann: hello \\u001b\[31mred\n\d\d:\d\d:\d\d #ann \* [~@%]*Ann waves\n$/,
  );
  await first.kill();
  await using second = await runOnTwitch(server, { ...options, config: { http: { port } } });
  await joined(second, 'ann');
  await second.until('it came back', () => stderr.includes('Connected again.'));
  expect(stderr).toMatch(/^Connection lost: .*Trying again in 1 s\.\n/);
  server.sayTo('ann', chatLine('ann', 'there you are'));
  await second.until('it goes on', () => stdout.includes('there you are'));
  const ended = once(tail, 'close');
  tail.kill('SIGINT');
  expect(await ended).toEqual([0, null]);
  const wrong = spawn(NODE, [BIN, 'tail', '--url', `http://127.0.0.1:1`]);
  expect(await once(wrong, 'close')).toEqual([1, null]);
});

test('in a pipe, chatlog tail --json gives the recorded lines and ends with its reader', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  await using chatlog = await runOnTwitch(server, { directory: directory.path, channels: ['ann'] });
  await joined(chatlog, 'ann');
  const pipe = spawn(
    'sh',
    ['-c', `"${NODE}" "${BIN}" tail --json --config config.yaml; echo "code $?" >&2`],
    { cwd: directory.path, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let stderr = '';
  pipe.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  await chatlog.until('it looks on', async () => (await chatlog.status()).live.clients === 1);
  server.sayTo('ann', chatLine('ann', 'one'));
  const [text] = (await once(pipe.stdout, 'data')) as [Buffer];
  const event = JSON.parse(text.toString()) as ChatEvent;
  expect(event).toMatchObject({ channel: 'ann', message: 'one' });
  pipe.stdout.destroy();
  await chatlog.until('it has ended', () => {
    server.sayTo('ann', chatLine('ann', 'and on'));
    return stderr.includes('code');
  });
  expect(stderr).toBe('code 0\n');
});
