import { describe, expect, it } from 'vitest';
import { parseTwitchLine } from '../twitch/twitch-line.ts';
import { OddLines } from './odd-lines.ts';

const NOW = Date.parse('2026-11-21T13:00:00.000Z');
const LATER = NOW + 5;

const line = (channel: string, text: string) =>
  `@id=1;tmi-sent-ts=${NOW - 1000};user-id=2 :bob!bob@bob.tmi.twitch.tv PRIVMSG #${channel} :${text}`;

function piecesOf(odd: OddLines, ...texts: string[]) {
  return texts.map((text, index) =>
    odd.event(Buffer.from(text), 'too long', index + 1, (piece) => parseTwitchLine(piece, NOW + 5 * index)),
  );
}

describe('bytes that are no proper line', () => {
  it('stay together where a line is too long: every piece is of the channel that the first one names', () => {
    // The end looks like a line of another channel, and is not.
    const pieces = piecesOf(new OddLines(), line('ann', 'one'), line('cid', 'forged'));
    expect(pieces.map(({ event }) => event)).toMatchObject([
      {
        channel: 'ann',
        username: 'bob',
        user_id: '2',
        type: 'raw',
        reason: 'line too long, piece 1',
        id: '1',
      },
      { channel: 'ann', username: 'bob', user_id: '2', type: 'raw', reason: 'line too long, piece 2' },
    ]);
    const [first, second] = pieces;
    expect(second!.timeMs).toBe(first!.timeMs);
    expect(second!.event.timestamp).toBe(first!.event.timestamp);
    expect(second!.event.received_at).toBe(new Date(LATER).toISOString());
    expect(second!.event).toMatchObject({ id: undefined, message: '', raw: line('cid', 'forged') });
    expect(pieces.map(({ identity }) => identity)).toEqual(['', '']);
  });

  it('are of no channel where the first piece names none, whatever came before', () => {
    const odd = new OddLines();
    piecesOf(odd, line('ann', 'one'), 'two');
    expect(piecesOf(odd, 'x'.repeat(100), 'y').map(({ event }) => event.channel)).toEqual(['*', '*']);
  });

  it('are read line by line where they are not UTF-8, and say how long they are', () => {
    const odd = new OddLines();
    piecesOf(odd, line('ann', 'one'));
    const bytes = Buffer.from(line('cid', 'd\u00e9j\u00e0'), 'latin1');
    const { event, identity, wireChars } = odd.event(bytes, 'not UTF-8', 1, (text) =>
      parseTwitchLine(text, NOW),
    );
    expect(event).toMatchObject({
      channel: 'cid',
      reason: 'not UTF-8',
      raw_base64: bytes.toString('base64'),
    });
    expect(identity).toBe('1');
    expect(wireChars).toBe(bytes.length);
  });
});
