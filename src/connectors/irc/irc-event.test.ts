import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type IrcView, parseIrcEvent, rebuildIrcLine } from './irc-event.ts';
import { ircNames } from './irc-names.ts';

const NOW_MS = Date.parse('2026-11-21T13:00:00.000Z');

const view: IrcView = {
  platform: 'irc-test',
  names: ircNames({ CASEMAPPING: 'rfc1459', CHANTYPES: ['#'], STATUSMSG: ['@', '+'] }),
  nick: 'log',
  channelName: (target) => (target.toLowerCase() === '#chat' ? '#Chat' : target),
  isModerator: (_channel, nick) => nick === 'op',
};

const parse = (line: string) => parseIrcEvent(line, NOW_MS, view);

describe('an IRC line', () => {
  it.each([
    [':ann!a@h PRIVMSG #Chat :hi', { channel: '#Chat', username: 'ann', message: 'hi', type: undefined }],
    [':ann!a@h PRIVMSG #CHAT :hi', { channel: '#Chat', raw: ':ann!a@h PRIVMSG #CHAT :hi' }],
    [':ann!a@h PRIVMSG @#Chat :to the operators', { channel: '#Chat', message: 'to the operators' }],
    [':ann!a@h PRIVMSG #Chat :\x01ACTION \x01', { action: true, message: '' }],
    [':ann!a@h PRIVMSG #Chat :\x01VERSION\x01', { message: '\x01VERSION\x01', type: undefined }],
    [':ann!a@h PRIVMSG log :psst', { channel: '*', type: 'private', message: 'psst' }],
    [':irc.test NOTICE log :server notice', { channel: '*', type: 'notice', username: '' }],
    [':log!l@h PRIVMSG #Chat :echo', { direction: 'outgoing' }],
    [':ann!a@h JOIN #Chat acc :Real Name', { type: 'join', user_id: 'acc' }],
    [':ann!a@h JOIN #Chat * :Real Name', { type: 'join', user_id: '' }],
    [':ann!a@h QUIT :Ping timeout', { type: 'part', channel: '*', message: 'Ping timeout' }],
    [':op!o@h MODE #Chat +bb a!*@* b!*@*', { type: 'ban', target: 'a!*@* b!*@*', moderator: 'op' }],
    [':op!o@h MODE #Chat +bo a!*@* ann', { type: 'room', message: '+bo a!*@* ann' }],
    [':op!o@h MODE #Chat b', { type: 'room', message: 'b' }],
    [':irc.test 332 log #Chat :the topic', { type: 'room', channel: '#Chat', message: 'the topic' }],
    ['@+typing=active :ann!a@h TAGMSG #Chat', { type: 'presence', platform_event: 'TAGMSG' }],
    ['@time=2026-11-21T12:59:59.500Z :ann!a@h PRIVMSG #Chat :x', { timestamp: '2026-11-21T12:59:59.500Z' }],
    ['@time=2031-01-01T00:00:00.000Z :ann!a@h PRIVMSG #Chat :x', { timestamp: '2026-11-21T13:00:00.000Z' }],
    ['@time=yesterday :ann!a@h PRIVMSG #Chat :x', { timestamp: '2026-11-21T13:00:00.000Z' }],
    ['', { type: 'raw', raw: '' }],
    [':only.a.prefix', { type: 'raw' }],
  ])('%j becomes the right event', (line, members) => {
    expect(parse(line).event).toMatchObject(members);
    expect(parse(line).wireChars).toBe(line.length);
    expect(rebuildIrcLine(parse(line).event)).toBe(line);
  });

  it('is kept whatever the sampling says when an operator says it', () => {
    expect(parse(':op!o@h PRIVMSG #Chat :hi').unsampled).toBe(true);
    expect(parse(':ann!a@h PRIVMSG #Chat :hi').unsampled).toBe(false);
  });

  it('can be rebuilt byte for byte from its event, whatever it is', () => {
    const word = fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => text.replace(/[\r\n]/g, ''));
    const spaced = fc.constantFrom(' ', '  ', ' :', '');
    const command = fc.constantFrom(
      ...'PRIVMSG NOTICE JOIN PART QUIT KICK MODE TOPIC NICK AWAY TAGMSG INVITE 332 353 PING privmsg'.split(
        ' ',
      ),
    );
    const target = fc.constantFrom('#Chat', '#chat', '@#chat', 'log', '*', '', ':#Chat');
    const tag = fc.constantFrom(
      '',
      '@a=1;b ',
      '@time=2026-11-21T12:00:00.000Z;msgid=x ',
      '@a=\\:\\s\\b; ',
      '@a=;a=2;1=2 ',
      '@ ',
      '@__proto__=1 ',
    );
    const line = fc
      .tuple(
        tag,
        fc.constantFrom('', ':ann!a@h ', ':irc.test '),
        command,
        spaced,
        target,
        spaced,
        word,
        spaced,
        word,
      )
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.oneof(line, word), (text) => {
        const { event, timeMs, identity } = parse(text);
        expect(rebuildIrcLine(event)).toBe(text);
        expect(JSON.parse(JSON.stringify(event)).timestamp).toBe(new Date(timeMs).toISOString());
        expect(typeof identity).toBe('string');
        expect(rebuildIrcLine(JSON.parse(JSON.stringify(event)))).toBe(text);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('names of a network', () => {
  it.each([
    ['rfc1459', 'A[]\\^É', 'a{}|~É'],
    ['strict-rfc1459', 'A[]\\^', 'a{}|^'],
    ['ascii', 'A[]\\^', 'a[]\\^'],
    ['rfc7613', 'AÉ', 'aé'],
    ['unheard of', 'A[', 'a{'],
  ])('are compared by %s as the server does', (mapping, name, folded) => {
    expect(ircNames({ CASEMAPPING: mapping }).fold(name)).toBe(folded);
  });
});
