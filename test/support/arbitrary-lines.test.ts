import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sampleTwitchLines, sortTags, twitchControlLine, twitchLine } from './arbitrary-lines.ts';
import { channelOf, commandOf, corpusLines } from './corpus.ts';

function tagsOf(line: string): string[] {
  return line.startsWith('@') ? line.slice(1).split(' ')[0]!.split(';') : [];
}

test('sortTags orders tags as Twitch does: all 5,000 real lines are in that order', () => {
  for (const line of corpusLines()) expect(tagsOf(line)).toEqual(sortTags(tagsOf(line)));
});

test('a generated line is one line of well-formed UTF-8 that names a channel', () => {
  fc.assert(
    fc.property(twitchLine(), (line) => {
      expect(line).not.toMatch(/[\0\r\n]/);
      expect(line.isWellFormed()).toBe(true);
      expect(tagsOf(line)).toEqual(sortTags(tagsOf(line)));
      if (!/^\S+ (\S+ )?(353|366) /.test(line)) expect(channelOf(line)).toMatch(/^[a-z0-9_]+$/);
    }),
    { numRuns: 500 },
  );
});

test('the generator knows every command, shuffles on demand, and repeats itself for a seed', () => {
  const lines = sampleTwitchLines(2_000, 1);
  expect([...new Set(lines.map(commandOf))].sort()).toEqual(
    '353 366 499 CLEARCHAT CLEARMSG HOSTTARGET JOIN NOTICE PART PINNED POLL PRIVMSG ROOMSTATE USERNOTICE USERSTATE'.split(
      ' ',
    ),
  );
  expect(sampleTwitchLines(2_000, 1)).toEqual(lines);
  expect(lines.some((line) => line.includes(';room-id=;'))).toBe(true);
  const shuffled = sampleTwitchLines(200, 1, { shuffled: true, channel: 'pond' });
  expect(shuffled.some((line) => tagsOf(line).join() !== sortTags(tagsOf(line)).join())).toBe(true);
  expect(new Set(shuffled.filter((line) => !/ 3\d\d /.test(line)).map(channelOf))).toEqual(new Set(['pond']));
});

test('historical lines carry the marks of the recent-messages service', () => {
  for (const line of sampleTwitchLines(200, 2, { historical: true })) {
    if (tagsOf(line).length === 0) expect(commandOf(line)).toBe('NOTICE');
    else expect(tagsOf(line)).toEqual(expect.arrayContaining(['historical=1']));
  }
});

test('control lines are single lines, too', () => {
  fc.assert(fc.property(twitchControlLine(), (line) => !/[\0\r\n]/.test(line)));
});
