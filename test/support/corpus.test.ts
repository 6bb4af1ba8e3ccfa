import { expect, test } from 'vitest';
import { CORPUS_CHANNEL, channelOf, commandOf, corpusLines, corpusLinesOf, corpusLinesOn } from './corpus.ts';

test('the corpus holds 5,000 real lines of one channel, without line ends', () => {
  expect(corpusLines()).toHaveLength(5_000);
  expect(corpusLines().filter((line) => line === '' || /[\r\n\0]/.test(line))).toEqual([]);
  expect(new Set(corpusLines().map(channelOf))).toEqual(new Set([CORPUS_CHANNEL]));
});

test('its lines are told apart by command', () => {
  expect(corpusLinesOf('PRIVMSG')).toHaveLength(4_933);
  expect(corpusLinesOf('CLEARCHAT')).toHaveLength(58);
  expect(corpusLinesOf('USERNOTICE')).toHaveLength(9);
  expect(commandOf('PING :tmi.twitch.tv')).toBe('PING');
  expect(channelOf('PING :tmi.twitch.tv')).toBeUndefined();
});

test('it can be moved to another channel, only the name of the channel being changed', () => {
  const moved = corpusLinesOn('elsewhere');
  expect(new Set(moved.map(channelOf))).toEqual(new Set(['elsewhere']));
  expect(moved.map((line) => line.replace(' #elsewhere', ' #xqcow'))).toEqual(corpusLines());
});
