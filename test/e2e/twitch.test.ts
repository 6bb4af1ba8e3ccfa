/** Chatlog against a server that speaks Twitch's dialect over TLS: what was said is what is in the archive. */
import { expect, test } from 'vitest';
import { rebuildTwitchLine } from '../../src/connectors/twitch/rebuild-twitch-line.ts';
import { randomChunks } from '../support/chunked-writer.ts';
import { CORPUS_CHANNEL, corpusLines } from '../support/corpus.ts';
import { chatLine, chatLines } from '../support/live-lines.ts';
import { metricValue } from '../support/parse-metrics.ts';
import { eventsOf, readArchive } from '../support/read-archive.ts';
import { compareTwitch, gapsOf, NOTHING_WRONG, recordedIn, saidOf } from '../support/recorded.ts';
import { tempDir } from '../support/temp-dir.ts';
import { arrived, joined, runOnTwitch } from '../support/twitch-run.ts';
import { startTwitchServer } from '../support/twitch-server.ts';

test('the archive holds each real line once, and from it the exact original line', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  // Cut anywhere: in the middle of lines, of characters, of line ends.
  server.faults.chunking = randomChunks(1, 4096);
  await using chatlog = await runOnTwitch(server, { directory: directory.path, channels: [CORPUS_CHANNEL] });
  await joined(chatlog, CORPUS_CHANNEL);
  await server.replay(corpusLines());
  await arrived(chatlog, corpusLines());
  await chatlog.until('all is uploaded', async () => {
    const { spool, upload } = await chatlog.status();
    return upload.uploaded > 0 && spool.sealedFiles === 0 && spool.openFiles <= 1;
  });

  const files = await readArchive(directory.join('archive'));
  const lines = saidOf(eventsOf(files)).map(rebuildTwitchLine);
  expect(lines.toSorted()).toEqual(corpusLines().toSorted());
  expect(lines, 'one file per hour, each in the order of arrival').toEqual(
    corpusLines().toSorted((a, b) => hourOf(a).localeCompare(hourOf(b))),
  );
  for (const { path } of files) {
    expect(path).toMatch(/^2019\/\d\d\/\d\d\/twitch\/xqcow\/twitch_xqcow_2019\d{4}_\d{4}\.jsonl\.zst$/);
  }
  expect((await chatlog.status()).recorder).toMatchObject({
    parseFailures: 0,
    duplicates: 0,
    dropped: 0,
  });
  expect(await chatlog.stop()).toEqual({ code: 0, signal: null });
});

test('the same lines said twice are recorded once, and every line has what a reader needs', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  await using chatlog = await runOnTwitch(server, { directory: directory.path, channels: ['Ann'] });
  await joined(chatlog, 'ann');
  const sentMs = Date.now() - 5_000;
  const line = chatLine('ann', 'こんにちは \u{1F44B}\u{1F3FD} "quoted" \\', sentMs);
  const waves = chatLine('ann', '\x01ACTION waves\x01', sentMs);
  server.sayTo('ann', line, line, waves);
  await arrived(chatlog, [line, waves]);
  await chatlog.stop();

  const [said, action, ...more] = saidOf(await recordedIn(directory.path));
  expect(said).toMatchObject({
    timestamp: new Date(sentMs).toISOString(),
    channel: 'ann',
    username: 'ann',
    user_id: '2',
    message: 'こんにちは \u{1F44B}\u{1F3FD} "quoted" \\',
    platform: 'twitch',
    display_name: 'Ann',
  });
  expect(Object.keys(said!).slice(0, 5)).toEqual(['timestamp', 'channel', 'username', 'user_id', 'message']);
  expect(action).toMatchObject({ message: 'waves', action: true });
  expect(more).toEqual([]);
});

test('what is not UTF-8, too long or no line at all is kept as raw, counted, and ends nothing', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  await using chatlog = await runOnTwitch(server, { directory: directory.path, channels: ['ann'] });
  await joined(chatlog, 'ann');
  const invalid = Buffer.concat([
    Buffer.from(chatLine('ann', 'bad ')),
    Buffer.from([0xff, 0xfe, 0xc0, 0x80]),
  ]);
  const tooLong = chatLine('ann', 'x'.repeat(150_000));
  const garbage = [
    '@',
    ':',
    '@;;;= ',
    'PRIVMSG',
    `@id=1 :a!a@a PRIVMSG`,
    '\x00\x01\x02',
    '@a=b :tmi.twitch.tv NEWS #ann :x',
  ];
  const good = chatLines('ann', 3);
  server.sayTo('ann', good[0]!, invalid, good[1]!, Buffer.from(tooLong), ...garbage, good[2]!);
  await arrived(chatlog, good);
  const metrics = await chatlog.metrics();
  await chatlog.stop();

  const events = await recordedIn(directory.path);
  const raw = events.filter(({ type }) => type === 'raw');
  expect(metricValue(metrics, 'chatlog_parse_failures_total')).toBe(raw.length);
  expect(metricValue(metrics, 'chatlog_messages_total', { type: 'raw' })).toBe(raw.length);
  const notText = raw.filter(({ raw_base64 }) => raw_base64 !== undefined);
  expect(notText.map(({ raw_base64 }) => Buffer.from(raw_base64!, 'base64'))).toEqual([invalid]);
  const pieces = raw.filter(({ reason }) => reason?.startsWith('line too long, piece'));
  const inOrder = pieces.toSorted((a, b) => a.reason!.localeCompare(b.reason!));
  expect(inOrder.map(({ raw: text }) => text).join('') === tooLong, 'the pieces make the line').toBe(true);
  const others = raw.filter((event) => !notText.includes(event) && !pieces.includes(event));
  expect(others.map(rebuildTwitchLine).toSorted()).toEqual(garbage.toSorted());
  const rest = events.filter(({ type }) => type !== 'raw');
  expect(compareTwitch(rest, good)).toEqual(NOTHING_WRONG);
  expect(gapsOf(events)).toEqual([]);
});

test('an account records with its token over the same protocol, and its own state is not chat', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer({ accounts: { recorder: 'sesame0123456789' } });
  await using chatlog = await runOnTwitch(server, {
    directory: directory.path,
    channels: ['ann'],
    twitch: { username: 'recorder', oauth: 'oauth:sesame0123456789' },
  });
  await joined(chatlog, 'ann');
  const lines = chatLines('ann', 5);
  server.sayTo('ann', ...lines);
  await arrived(chatlog, lines);
  await chatlog.stop();
  expect(server.connections()).toEqual([]);
  expect(server.received.map(({ line }) => line)).toContain('PASS oauth:sesame0123456789');
  expect(chatlog.output).not.toContain('sesame');
  expect(compareTwitch(await recordedIn(directory.path), lines)).toEqual(NOTHING_WRONG);
});

function hourOf(line: string): string {
  return new Date(Number(/tmi-sent-ts=(\d+)/.exec(line)![1])).toISOString().slice(0, 13);
}
