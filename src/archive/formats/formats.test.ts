import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { corpusLines } from '../../../test/support/corpus.ts';
import { irc } from '../../../test/support/irc-event.ts';
import { lineBatch } from '../../../test/support/line-batch.ts';
import { oddLine, recordedLine } from '../../../test/support/odd-lines.ts';
import { parseTwitchLine } from '../../connectors/twitch/twitch-line.ts';
import type { ChatEvent } from '../../event.ts';
import type { FormatOptions, PlainFormat } from './format.ts';
import { FORMATS, type FormatName } from './formats.ts';

const OPTIONS: FormatOptions = { title: 'x', fromMs: undefined, toMs: undefined, hasManyChannels: true };
const AT = '2026-11-20T13:00:05.000Z';
const LF = Buffer.from('\n');

async function converted(name: FormatName, lines: readonly (string | Uint8Array)[]): Promise<Buffer> {
  const format = (await FORMATS[name]()) as PlainFormat;
  const parts = [format.header(OPTIONS), format.convert(lineBatch(lines), OPTIONS), format.footer(OPTIONS)];
  return Buffer.concat(parts);
}

const event = (members: Partial<ChatEvent>): string =>
  JSON.stringify({
    timestamp: AT,
    channel: 'xqc',
    username: '',
    user_id: '',
    message: '',
    platform: 'twitch',
    ...members,
  });

const corpus = () => corpusLines().map((line) => JSON.stringify(parseTwitchLine(line, Date.parse(AT)).event));

describe('every format', () => {
  it('bears any line', async () => {
    const names = ['jsonl', 'csv', 'text', 'raw'] as const;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(oddLine, recordedLine)), async (lines) => {
        for (const name of names) await converted(name, lines);
      }),
    );
  });
});

it('jsonl is the lines byte for byte', async () => {
  const lines = [...corpus(), Buffer.from([0xff, 0x00]), '{"a": 1}'];
  expect(await converted('jsonl', lines)).toEqual(
    Buffer.concat(lines.flatMap((line) => [Buffer.from(line as Uint8Array), LF])),
  );
});

it('raw is what the platform sent, byte for byte, and nothing else', async () => {
  expect((await converted('raw', corpus())).toString()).toBe(
    corpusLines()
      .map((line) => `${line}\n`)
      .join(''),
  );
  const gap = event({ type: 'gap', gap: { until: AT, backfill: 'none', filled: 0 } });
  const other = JSON.stringify(irc(':ann!a@host PRIVMSG #csv :hi'));
  const bytes = event({ type: 'raw', raw: '?', raw_base64: Buffer.from([0xfe, 0xff]).toString('base64') });
  expect(await converted('raw', [gap, other, bytes])).toEqual(
    Buffer.concat([Buffer.from(':ann!a@host PRIVMSG #csv :hi\n'), Buffer.from([0xfe, 0xff]), LF]),
  );
});

it('csv has a row for each line, with cells that no spreadsheet takes for formulas', async () => {
  const text = (
    await converted('csv', [
      event({ username: 'ann', message: '=1+1, "x"' }),
      'not JSON',
      event({ message: 'a\nb' }),
    ])
  ).toString();
  expect(text.split('\r\n').slice(0, 3)).toEqual([
    'timestamp,platform,channel,type,username,display_name,user_id,message,id,reply_to,badges,system_message,moderator,target,target_user_id,target_message_id,duration_seconds,reason,received_at,raw',
    `${AT},twitch,xqc,message,ann,,,"'=1+1, ""x""",,,,,,,,,,,,${'@tmi-sent-ts=1795179605000'.replace('@', '"\'@')} :ann!ann@ann.tmi.twitch.tv PRIVMSG #xqc :=1+1, ""x"""`,
    '1970-01-01T00:00:00.000Z,,*,raw,,,,not JSON,,,,,,,,,,,,not JSON',
  ]);
  expect(text).toContain('"a\nb"');
});

describe('text', () => {
  it('has a line for each line', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(oddLine, recordedLine)), async (lines) => {
        const text = (await converted('text', lines)).toString();
        expect(text.split('\n').length - 1).toBe(lines.length);
        expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e]/);
      }),
    );
  });

  it('obeys nothing, wherever it stands', async () => {
    const line = event({
      timestamp: '2026\u001b]0;x\u0007T\u001b[31m',
      username: '\u001b[2J',
      message: '\u0007',
    });
    const text = (await converted('text', [line])).toString();
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
    expect(text).toContain('[2026\\u001b]0;');
  });

  const gap = { until: '2026-11-20T13:10:00.000Z', backfill: 'complete', filled: 3 } as const;
  it.each<[Partial<ChatEvent>, string]>([
    [{ username: 'ann', message: 'hi  there' }, '#xqc <ann> hi  there'],
    [{ username: 'ann', message: 'waves', action: true }, '#xqc * ann waves'],
    [{ username: 'ann', message: 'psst', type: 'private', platform: 'irc-x', channel: '*' }, '* *ann* psst'],
    [
      { username: 'bot', message: 'rules', type: 'notice', platform: 'irc-x', channel: '#l' },
      '#l -bot- rules',
    ],
    [{ type: 'notice', username: 'ann', system_message: 'ann subscribed!' }, '#xqc -!- ann subscribed!'],
    [
      { type: 'notice', username: 'ann', system_message: 'ann subscribed!', message: 'Pog' },
      '#xqc -!- ann subscribed! <ann> Pog',
    ],
    [{ type: 'ban', target: 'eve' }, '#xqc -!- eve has been banned'],
    [
      { type: 'timeout', target: 'eve', duration_seconds: 60, moderator: 'ann', reason: 'spam' },
      '#xqc -!- eve has been timed out for 60 seconds by ann (spam)',
    ],
    [{ type: 'delete', target: 'eve', message: 'buy' }, '#xqc -!- a message from eve has been deleted: buy'],
    [{ type: 'clear' }, '#xqc -!- chat has been cleared'],
    [{ type: 'unban', target: 'eve' }, '#xqc -!- eve has been unbanned'],
    [{ type: 'join', username: 'ann' }, '#xqc -!- ann has joined'],
    [
      { type: 'part', username: 'ann', message: 'bye', platform_event: 'QUIT' },
      '#xqc -!- ann has quit (bye)',
    ],
    [
      { type: 'presence', username: 'ann', target: 'anna', platform_event: 'NICK' },
      '#xqc -!- ann is now known as anna',
    ],
    [
      { type: 'room', username: 'ann', message: 'new topic', platform_event: 'TOPIC' },
      '#xqc -!- ann: TOPIC: new topic',
    ],
    [{ type: 'raw', raw: ':x 999' }, '#xqc -!- raw: :x 999'],
    [
      { type: 'gap', duration_seconds: 600, reason: 'restart', gap },
      "#xqc -!- nothing was recorded for 10 min, until 2026-11-20 13:10:00 (restart); 3 lines came from the platform's history; nothing is missing that it has",
    ],
  ])('says %j', async (members, text) => {
    expect((await converted('text', [event(members)])).toString()).toBe(`[2026-11-20 13:00:05] ${text}\n`);
  });
});
