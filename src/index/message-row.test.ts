import fc, { type Arbitrary } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { twitchLine } from '../../test/support/arbitrary-lines.ts';
import { corpusLines } from '../../test/support/corpus.ts';
import { indexLines } from '../../test/support/index-lines.ts';
import { storedRowOf } from '../../test/support/stored-row-of.ts';
import { parseTwitchLine } from '../connectors/twitch/twitch-line.ts';
import { type ChatEvent, EVENT_TYPES } from '../event.ts';
import { FLAG } from './database/tables.ts';
import { IdenticalLines } from './identical-lines.ts';
import { messageKey } from './message-key.ts';
import { type IndexedLine, indexLine, storedEvent, storedLine } from './message-row.ts';

const NOW = Date.UTC(2026, 10, 21, 13);
const ID = '4cc7a725-d09f-47ae-b745-71570da7c492';
const OTHER_ID = '00000000-0000-4000-8000-0000000000aa';

function read(line: string | Buffer, repeats = new IdenticalLines()): IndexedLine {
  const indexed = indexLine(Buffer.from(line), repeats);
  if ('rejected' in indexed) throw new Error(indexed.rejected);
  return indexed;
}

const event = (members: object = {}) => ({
  timestamp: '2026-11-21T13:00:00.123Z',
  channel: 'xqc',
  username: 'ann',
  user_id: '7',
  message: 'hello',
  platform: 'twitch',
  ...members,
});
const lineOf = (members: object = {}) => JSON.stringify(event(members));

function expectBack(line: string): void {
  const row = storedRowOf(read(line));
  expect(storedLine(row)).toBe(line);
  expect(storedEvent(row)).toEqual(JSON.parse(line));
}

describe('a line and its row', () => {
  it('gives every line of the corpus back byte for byte, from columns and a template', () => {
    for (const wire of corpusLines()) {
      const line = JSON.stringify(parseTwitchLine(wire, NOW).event);
      const indexed = read(line);
      expect(indexed.template).toBeDefined();
      expect(storedLine(storedRowOf(indexed))).toBe(line);
    }
  });

  it('needs few templates for many lines', () => {
    const templates = corpusLines().map(
      (wire) => read(JSON.stringify(parseTwitchLine(wire, NOW).event)).template,
    );
    expect(new Set(templates).size).toBeLessThan(templates.length / 15);
  });

  it('gives back any line that a recorder makes of Twitch', () => {
    fc.assert(
      fc.property(twitchLine({ shuffled: true }), (wire) =>
        expectBack(JSON.stringify(parseTwitchLine(wire, NOW).event)),
      ),
    );
  });

  it('gives back lines of every type, with NUL and lone surrogates in them', () => {
    for (const line of indexLines({ seed: 3, lines: 2_000 })) expectBack(line);
  });

  it('gives back whatever members a line may have, in whatever order', () => {
    fc.assert(
      fc.property(oddLine(), (line) => expectBack(line)),
      { numRuns: 500 },
    );
  });

  it.each([
    ['other spacing', lineOf().replaceAll('":', '": ')],
    ['escapes that we would not write', lineOf().replace('hello', '\\u0068ello')],
    ['a number key, which objects put first', lineOf({ tags: { a: '1' } }).replace('"a"', '"b":"2","1"')],
    ['__proto__ as a member', lineOf().replace('"platform"', '"__proto__":{"a":1},"platform"')],
    ['__proto__ as a tag', lineOf({ tags: { a: '1' } }).replace('"a"', '"__proto__"')],
    ['a member twice', lineOf().replace('"platform"', '"message":"hello","platform"')],
    ['a thread tag as a member', lineOf({ 'reply-thread-parent-msg-id': ID })],
    [
      'a thread tag as a member and as a tag',
      lineOf({ 'reply-thread-parent-msg-id': ID, tags: { 'reply-thread-parent-msg-id': OTHER_ID } }),
    ],
    [
      'members that columns cannot hold',
      lineOf({ id: 7, received_at: 'yesterday', display_name: null, reply_to: true, tags: [ID] }),
    ],
    [
      'zeros and nulls',
      lineOf({
        sampling_rate: 0,
        type: undefined,
        source: null,
        badges: [0, null],
        tags: { vip: 0, x: null },
      }),
    ],
    ['a time of other precision', lineOf({ timestamp: '2026-11-21T13:00:00.123456Z' })],
    ['a time with an offset', lineOf({ timestamp: '2026-11-21T13:00:00.123+01:00' })],
    ['nobody', lineOf({ username: '', user_id: '', display_name: 'Ann' })],
    ['an id that is not a UUID', lineOf({ id: 'message 7', reply_to: 'message 6' })],
    ['a UUID in capitals', lineOf({ id: ID.toUpperCase() })],
    ['a reception years later', lineOf({ received_at: '2036-11-21T13:00:00.123Z' })],
    ['a very long text', lineOf({ message: 'x'.repeat(300_000) })],
    ['very long badges', lineOf({ badges: ['x'.repeat(20_000)] })],
    [
      'NUL where templates are',
      lineOf({ badges: ['\0', '\ud800'], platform_event: '\0', tags: { '\0': '' } }),
    ],
    ['the mark of our own escapes', lineOf({ message: '\uEE000000 \uEE00', username: 'a\uEE00b' })],
  ])('gives back a line with %s', (_, line) => expectBack(line));

  it.each([
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])],
    ['no JSON', Buffer.from('{"timestamp":')],
    ['nothing', Buffer.from('')],
    ['an array', Buffer.from('[]')],
    ['null', Buffer.from('null')],
    ['no timestamp', Buffer.from(lineOf({ timestamp: undefined }))],
    ['a timestamp that is none', Buffer.from(lineOf({ timestamp: 'soon' }))],
    ['a message that is no text', Buffer.from(lineOf({ message: 5 }))],
    ['an unknown type', Buffer.from(lineOf({ type: 'dance' }))],
    ['a type of the prototype', Buffer.from(lineOf({ type: 'constructor' }))],
    ['a name of unreasonable length', Buffer.from(lineOf({ username: 'x'.repeat(5_000) }))],
  ])('rejects %s', (_, line) => {
    expect(indexLine(line, new IdenticalLines())).toEqual({ rejected: expect.any(String) });
  });

  it('never throws, whatever the bytes', () => {
    const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
    const json = fc
      .jsonValue()
      .map((value) => Buffer.from(JSON.stringify({ ...event(), ...(value as object) })));
    fc.assert(fc.property(fc.oneof(bytes, json), (line) => void indexLine(line, new IdenticalLines())));
  });
});

describe('the key of a line', () => {
  it('is the id where that is a UUID, else made of platform and id', () => {
    expect(read(lineOf({ id: ID })).key).toBe(ID);
    expect(read(lineOf({ id: 'x' })).key).toBe(messageKey('twitch', 'x'));
    expect(messageKey('twitch', 'x')).not.toBe(messageKey('kick', 'x'));
    expect(messageKey('twitch', 'x')).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
    );
  });

  it('tells identical lines of one moment apart, and is the same when they are read again', () => {
    const join = lineOf({ type: 'join', received_at: '2026-11-21T13:00:00.200Z' });
    const later = lineOf({ type: 'join', received_at: '2026-11-21T13:00:00.300Z' });
    const keys = () => {
      const repeats = new IdenticalLines();
      return [join, later, later, lineOf({ id: ID, received_at: '2026-11-21T13:00:00.300Z' }), later].map(
        (line) => read(line, repeats).key,
      );
    };
    expect(new Set(keys()).size).toBe(5);
    expect(keys()).toEqual(keys());
  });
});

describe('what a row says of its line', () => {
  it('has bits for direction, source, moderators and sampling', () => {
    const flags = (members: object) => read(lineOf(members)).flags;
    expect(flags({})).toBe(0);
    expect(flags({ direction: 'outgoing', action: true })).toBe(FLAG.outgoing | FLAG.action);
    expect(flags({ type: 'private', source: 'import' })).toBe(FLAG.private | FLAG.import);
    expect(flags({ source: 'backfill', sampling_rate: 0.5 })).toBe(FLAG.backfill | FLAG.sampled);
    expect(flags({ badges: ['subscriber/3', 'moderator/1'] })).toBe(FLAG.moderator);
    expect(flags({ badges: ['broadcaster/1'] })).toBe(FLAG.moderator);
    expect(flags({ tags: { mod: '1' } })).toBe(FLAG.moderator);
    expect(flags({ badges: ['vip/1'], tags: { mod: '0' } })).toBe(0);
  });

  it('finds commands in texts and takes those that the event names', () => {
    const command = (members: object) => read(lineOf(members)).command;
    expect(command({ message: '!UpTime now' })).toEqual({
      name: 'uptime',
      status: undefined,
      error: undefined,
    });
    expect(command({ message: '/help' })?.name).toBe('help');
    expect(command({ message: '!!!' })).toBeUndefined();
    expect(command({ message: '! no' })).toBeUndefined();
    expect(command({ message: 'so !uptime' })).toBeUndefined();
    expect(command({ message: '!uptime', type: 'notice' })).toBeUndefined();
    expect(command({ command: { name: '!Song', status: 'failed', error: 'none' } })).toEqual({
      name: 'song',
      status: 'failed',
      error: 'none',
    });
  });

  it('has the keys of the message that it answers and of its thread', () => {
    const { replyKey, threadKey } = read(
      lineOf({ reply_to: 'x', tags: { 'reply-thread-parent-msg-id': ID } }),
    );
    expect(replyKey).toBe(messageKey('twitch', 'x'));
    expect(threadKey).toBe(ID);
  });

  it('has media as JSON that the database takes', () => {
    expect(read(lineOf({ media: [{ url: 'a\\u0000b\0\ud800' }] })).media).toBe(
      '[{"url":"a\\\\u0000b\uEE000000\uEE00d800"}]',
    );
    expect(read(lineOf({ media: [] })).media).toBeUndefined();
  });
});

/** Events with members of the right and of the wrong type, shuffled. */
function oddLine(): Arbitrary<string> {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('', ID, OTHER_ID, '\0', '\uEE00'),
  );
  const odd = fc.oneof(text, fc.jsonValue());
  const tags = fc.dictionary(
    fc.oneof(fc.constantFrom('mod', 'room-id', 'color', 'reply-thread-parent-msg-id'), fc.string()),
    odd,
  );
  const members = fc.record(
    {
      timestamp: fc
        .date({ min: new Date(0), max: new Date(NOW), noInvalidDate: true })
        .map((date) => date.toISOString()),
      channel: text.filter(isShort),
      username: text.filter(isShort),
      user_id: text.filter(isShort),
      message: text,
      platform: fc.constantFrom('twitch', 'irc-libera', 'odd\0'),
    },
    { noNullPrototype: true },
  );
  const others = fc.record(
    {
      type: fc.constantFrom(...EVENT_TYPES),
      id: odd,
      received_at: fc.oneof(odd, fc.constant('2026-11-21T13:00:00.123Z')),
      display_name: odd,
      reply_to: odd,
      badges: fc.oneof(fc.array(text), odd),
      tags: fc.oneof(tags, odd),
      media: odd,
      command: odd,
      sampling_rate: odd,
      source: odd,
      unknown: odd,
      '7': odd,
    },
    { requiredKeys: [], noNullPrototype: true },
  );
  return fc
    .tuple(members, others)
    .chain(([known, other]) => {
      const entries = Object.entries({ ...known, ...other });
      return fc.shuffledSubarray(entries, { minLength: entries.length });
    })
    .map((entries) => JSON.stringify(Object.fromEntries(entries) as unknown as ChatEvent));
}

function isShort(text: string): boolean {
  return text.length <= 200;
}
