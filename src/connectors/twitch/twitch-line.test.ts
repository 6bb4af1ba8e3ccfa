import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { twitchLine } from '../../../test/support/arbitrary-lines.ts';
import { corpusLines } from '../../../test/support/corpus.ts';
import type { ChatEvent } from '../../event.ts';
import { parsePlainPrivmsg } from './privmsg-fast-path.ts';
import { rebuildTwitchLine } from './rebuild-twitch-line.ts';
import { parseAnyTwitchLine, parseTwitchLine } from './twitch-line.ts';

const NOW = Date.parse('2026-11-21T13:00:00.000Z');

/** The line as it comes back from an archive: through JSON. */
function rebuilt(line: string, source?: 'backfill'): string {
  return rebuildTwitchLine(JSON.parse(JSON.stringify(parseTwitchLine(line, NOW, source).event)) as ChatEvent);
}

describe('rebuilding', () => {
  it('gives every line of the corpus back byte for byte, without keeping any of them raw', () => {
    const raw = corpusLines().filter((line) => {
      expect(rebuilt(line)).toBe(line);
      return parseTwitchLine(line, NOW).event.raw !== undefined;
    });
    expect(raw).toEqual([]);
  });

  it('gives back every line that Twitch may send', () => {
    fc.assert(
      fc.property(twitchLine(), (line) => rebuilt(line) === line),
      { numRuns: 2_000 },
    );
  });

  it('gives back lines with shuffled tags, as the history service sends them', () => {
    fc.assert(
      fc.property(twitchLine({ historical: true }), (line) => rebuilt(line, 'backfill') === line),
      { numRuns: 1_000 },
    );
  });

  it('says of every line how long it is', () => {
    for (const line of [...corpusLines(), ':tmi.twitch.tv NOVELTY #ann :x', '']) {
      expect(parseTwitchLine(line, NOW).wireChars).toBe(line.length);
      expect(parseAnyTwitchLine(line, NOW).wireChars).toBe(line.length);
    }
  });

  it.each(['\r', '\n', '\\'])('gives back a tag that contains a bare %j', (character) => {
    const line = `@a=${character}0;id=1 :bob!bob@bob.tmi.twitch.tv PRIVMSG #ann :hi`;
    expect(rebuilt(line)).toBe(line);
  });

  it('gives back any text at all', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.string({
        unit: fc.constantFrom(...'@:;= #!\\.aZ0\x01/,-', 'PRIVMSG', 'tmi-sent-ts=', 'id='),
        maxLength: 60,
      }),
      fc
        .tuple(twitchLine(), fc.nat(), fc.string({ unit: 'binary', maxLength: 3 }))
        .map(([line, at, text]) => {
          const position = at % (line.length + 1);
          return line.slice(0, position) + text + line.slice(position + text.length);
        }),
    );
    fc.assert(
      fc.property(anything, (line) => rebuilt(line) === line.toWellFormed() || rebuilt(line) === line),
      {
        numRuns: 5_000,
      },
    );
  });
});

describe('the fast path', () => {
  it('takes every PRIVMSG of the corpus', () => {
    const missed = corpusLines().filter(
      (line) => line.includes(' PRIVMSG #') && !parsePlainPrivmsg(line, NOW, undefined),
    );
    expect(missed).toEqual([]);
  });

  it('says the same as the general parser wherever it says anything', () => {
    const mutated = fc
      .tuple(twitchLine(), fc.nat(), fc.constantFrom('', ' ', ';', '=', ':', '!', '@', '\\', 'a'))
      .map(([line, at, text]) => {
        const position = at % (line.length + 1);
        return line.slice(0, position) + text + line.slice(position + 1);
      });
    fc.assert(
      fc.property(fc.oneof(twitchLine(), mutated), (line) => {
        const fast = parsePlainPrivmsg(line, NOW, undefined);
        if (fast)
          expect(JSON.parse(JSON.stringify(fast))).toEqual(
            JSON.parse(JSON.stringify(parseAnyTwitchLine(line, NOW))),
          );
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('reading', () => {
  it('takes the five first members and the ids out of a message', () => {
    const { event, timeMs, identity, unsampled } = parseTwitchLine(corpusLines()[0]!, NOW);
    expect(Object.keys(event).slice(0, 5)).toEqual([
      'timestamp',
      'channel',
      'username',
      'user_id',
      'message',
    ]);
    expect(event).toMatchObject({
      timestamp: '2019-09-15T00:00:00.501Z',
      channel: 'xqcow',
      username: 'cecak',
      user_id: '13648152',
      id: 'ca561310-6855-43b3-8325-3ea7418359a2',
      display_name: 'Cecak',
      badges: ['subscriber/3'],
    });
    expect(event.message.startsWith('DEVIL MAY CRY 5 gachiBASS')).toBe(true);
    expect(timeMs).toBe(1568505600501);
    expect(identity).toBe(event.id);
    expect(unsampled).toBe(false);
  });

  it('tells timeouts, bans and cleared rooms apart and knows them when they come twice', () => {
    const at = 'tmi-sent-ts=1568505600739';
    const timeout = parseTwitchLine(
      `@ban-duration=150;room-id=7;target-user-id=13;${at} :tmi.twitch.tv CLEARCHAT #x :bob`,
      NOW,
    );
    expect(timeout.event).toMatchObject({
      type: 'timeout',
      target: 'bob',
      target_user_id: '13',
      duration_seconds: 150,
    });
    const again = parseTwitchLine(
      `@historical=1;tmi-sent-ts=1568505600739;target-user-id=13;room-id=7;ban-duration=150;rm-received-ts=1568505600900 :tmi.twitch.tv CLEARCHAT #x :bob`,
      NOW,
      'backfill',
    );
    expect(again.identity).toBe(timeout.identity);
    expect(timeout.identity).not.toBe('');
    expect(
      parseTwitchLine(`@room-id=7;target-user-id=13;${at} :tmi.twitch.tv CLEARCHAT #x :bob`, NOW).event.type,
    ).toBe('ban');
    expect(parseTwitchLine(`@room-id=7;${at} :tmi.twitch.tv CLEARCHAT #x`, NOW).event.type).toBe('clear');
  });

  it('puts a deleted message of an empty room-id into its channel', () => {
    const { event } = parseTwitchLine(
      '@login=bob;room-id=;target-msg-id=abc;tmi-sent-ts=1568505600739 :tmi.twitch.tv CLEARMSG #x :rude',
      NOW,
    );
    expect(event).toMatchObject({
      type: 'delete',
      channel: 'x',
      target: 'bob',
      target_message_id: 'abc',
      message: 'rude',
    });
  });

  it('never samples moderators, the broadcaster, notices and moderation', () => {
    const message = (tags: string) =>
      parseTwitchLine(`@${tags};tmi-sent-ts=1568505600739 :a!a@a.tmi.twitch.tv PRIVMSG #x :hi`, NOW)
        .unsampled;
    expect(message('badges=subscriber/1;mod=0')).toBe(false);
    expect(message('badges=moderator/1;mod=1')).toBe(true);
    expect(message('badges=broadcaster/1;mod=0')).toBe(true);
    expect(parseTwitchLine(':tmi.twitch.tv NOTICE #x :slow', NOW).unsampled).toBe(true);
  });

  it('unwraps /me and wraps it again', () => {
    const line = ':a!a@a.tmi.twitch.tv PRIVMSG #x :\x01ACTION waves\x01';
    expect(parseTwitchLine(line, NOW).event).toMatchObject({ message: 'waves', action: true });
    expect(rebuilt(line)).toBe(line);
  });

  it('believes no time far ahead of the clock', () => {
    const ahead = parseTwitchLine(`@tmi-sent-ts=${NOW + 600_000} :a!a@a.tmi.twitch.tv PRIVMSG #x :hi`, NOW);
    expect(ahead.timeMs).toBe(NOW);
    expect(ahead.event.timestamp).toBe('2026-11-21T13:00:00.000Z');
    const soon = parseTwitchLine(`@tmi-sent-ts=${NOW + 60_000} :a!a@a.tmi.twitch.tv PRIVMSG #x :hi`, NOW);
    expect(soon.timeMs).toBe(NOW + 60_000);
  });

  it('keeps what it does not understand as raw, in its channel where it names one', () => {
    expect(parseTwitchLine('@a=b :tmi.twitch.tv NOVELTY #x :what', NOW).event).toMatchObject({
      type: 'raw',
      channel: 'x',
      raw: '@a=b :tmi.twitch.tv NOVELTY #x :what',
    });
    expect(parseTwitchLine('', NOW).event).toMatchObject({ type: 'raw', channel: '*', raw: '' });
  });
});
