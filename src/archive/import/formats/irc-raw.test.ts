import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { corpusLines } from '../../../../test/support/corpus.ts';
import { imported } from '../../../../test/support/imported.ts';
import { originalLine } from '../../../connectors/original-line.ts';

it('gives every line of the corpus back byte for byte', async () => {
  const lines = corpusLines();
  const log = gzipSync(`${lines.join('\r\n')}\n`);
  const { format, events, rejects } = await imported(log, { path: '71092938/2019/9/15/channel.txt.gz' });
  expect([format, rejects]).toEqual(['irc-raw', []]);
  expect(events.map(originalLine)).toEqual(lines);
  expect(events.every(({ source, received_at }) => source === 'import' && received_at === undefined)).toBe(
    true,
  );
});

const LOG = [
  '@badges=;id=b1f1;tmi-sent-ts=1568552405123;user-id=7 :ann!ann@ann.tmi.twitch.tv PRIVMSG #xqc :hello',
  '@room-id=1;target-user-id=7;tmi-sent-ts=1568552406000 :tmi.twitch.tv CLEARCHAT #xqc :ann',
  '@historical=1;rm-received-ts=1568552407000 :ann!ann@ann.tmi.twitch.tv JOIN #xqc',
  ':ann!ann@ann.tmi.twitch.tv PART #xqc',
  'nonsense',
  '@tmi-sent-ts=1568552408000 :tmi.twitch.tv FUTURE #xqc :what',
].join('\n');

it('takes the time from the line, and rejects lines that have none', async () => {
  const { events, rejects } = await imported(LOG);
  expect(events).toMatchObject([
    { timestamp: '2019-09-15T13:00:05.123Z', id: 'b1f1', channel: 'xqc' },
    { timestamp: '2019-09-15T13:00:06.000Z', type: 'ban', target: 'ann' },
    { timestamp: '2019-09-15T13:00:07.000Z', type: 'join' },
    { timestamp: '2019-09-15T13:00:08.000Z', type: 'raw' },
  ]);
  expect(rejects.map(({ line, reason }) => [line, reason])).toEqual([
    [4, 'the line has no time'],
    [5, 'no IRC line with a time'],
  ]);
});

it('keeps lines that are not UTF-8 exactly', async () => {
  const line = Buffer.from(
    '@id=x;tmi-sent-ts=1568552405123 :ann!ann@ann.tmi.twitch.tv PRIVMSG #xqc :caf\xe9',
    'latin1',
  );
  const { events } = await imported(Buffer.concat([Buffer.from(`${LOG}\n`), line, Buffer.from('\n')]));
  expect(events.at(-1)).toMatchObject({ type: 'raw', channel: 'xqc', username: 'ann', reason: 'not UTF-8' });
  expect(originalLine(events.at(-1)!)).toEqual(line);
});

it('reads lines of other networks where their servers told the time', async () => {
  const log =
    '@time=2019-09-15T13:00:05.123Z;msgid=a :ann!a@h PRIVMSG #c :hello\n:ann!a@h PRIVMSG #c :no time\n';
  await expect(imported(log)).rejects.toMatchObject({ code: 'import_platform_unknown' });
  const { events, rejects } = await imported(log, { platform: 'irc-libera' });
  expect(events).toMatchObject([{ timestamp: '2019-09-15T13:00:05.123Z', channel: '#c', id: 'a' }]);
  expect(rejects).toHaveLength(1);
  expect(originalLine(events[0]!)).toBe(log.split('\n')[0]);
});
