import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ChatEvent } from '../event.ts';
import { encodeName, objectKey, segmentFile } from '../segment-name.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { storedSegment } from '../storage/read-segment.ts';
import { EVERYTHING, eventMatcher, neededTexts, segmentMatcher, selectedDays } from './selection.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 10, 21);

function segment(platform: string, channel: string, hour = 13, suffix = '') {
  const name = {
    platform: encodeName(platform),
    channel: encodeName(channel),
    startMs: START_MS + hour * HOUR_MS,
    suffix,
  };
  return storedSegment(objectKey(segmentFile(name, 'zstd'))!, 100)!;
}

const wants = (channels: string[], platform: string, channel: string) =>
  segmentMatcher({ ...EVERYTHING, channels })(segment(platform, channel));

it('finds channels by name and glob, without case, with and without what stands before the name', () => {
  expect(wants(['xqc'], 'twitch', 'xqc')).toBe(true);
  expect(wants(['XQC'], 'twitch', 'xqc')).toBe(true);
  expect(wants(['x*', 'forsen'], 'twitch', 'xqc')).toBe(true);
  expect(wants(['x?c'], 'twitch', 'xqc')).toBe(true);
  expect(wants(['x.c'], 'twitch', 'xqc')).toBe(false);
  expect(wants(['xq'], 'twitch', 'xqc')).toBe(false);
  expect(wants(['twitch/x*'], 'twitch', 'xqc')).toBe(true);
  expect(wants(['irc-libera/*'], 'twitch', 'xqc')).toBe(false);
  expect(wants(['t*'], 'twitch', 'xqc')).toBe(false);
  expect(wants(['#Linux'], 'irc-libera', '#linux')).toBe(true);
  expect(wants(['linux'], 'irc-libera', '#linux')).toBe(true);
  expect(wants(['%23linux'], 'irc-libera', '#linux')).toBe(true);
});

it('finds a channel whose name was too long to be kept whole by what is left of it', () => {
  const channel = 'é'.repeat(60);
  expect(wants([encodeName(channel)], 'irc-libera', channel)).toBe(true);
  expect(wants([`${encodeName(channel).slice(0, 20)}*`], 'irc-libera', channel)).toBe(true);
});

it('takes any text for a glob', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (glob, name) => {
      expect(wants([glob], 'twitch', name)).toBeTypeOf('boolean');
      if (!/[*?]/.test(name)) expect(wants([name], 'twitch', name)).toBe(true);
    }),
  );
});

it('wants hours and days that the range touches', () => {
  const isWanted = segmentMatcher({
    ...EVERYTHING,
    fromMs: START_MS + 13.5 * HOUR_MS,
    toMs: START_MS + 15 * HOUR_MS,
  });
  const hours = [12, 13, 14, 15].filter((hour) => isWanted(segment('twitch', 'xqc', hour)));
  expect(hours).toEqual([13, 14]);
  expect(isWanted(segment('twitch', 'xqc', 0, '-day'))).toBe(true);
  expect(isWanted(segment('twitch', 'xqc', 24, '-day'))).toBe(false);
});

it('says what a line of a person must hold only where that is plain text', () => {
  const users = [{ id: '7', logins: ['ann'] }];
  expect(neededTexts({ users })).toEqual(['"7"', '"ann"']);
  expect(neededTexts({ users: [...users, { id: undefined, logins: ['örn'] }] })).toBeUndefined();
  expect(neededTexts(EVERYTHING)).toBeUndefined();
  const isWanted = eventMatcher({ ...EVERYTHING, users })!;
  expect(isWanted({ username: 'Ann', user_id: '' } as ChatEvent)).toBe(true);
  expect(isWanted({ username: 'bob', user_id: '8', target_user_id: '7' } as ChatEvent)).toBe(true);
  expect(isWanted({ username: 'bob', user_id: '8' } as ChatEvent)).toBe(false);
});

it('gives the days in order of time, each whole, and passes over what is no segment', async () => {
  const keys = [
    segment('twitch', 'xqc', 13).key,
    segment('twitch', 'forsen', 2).key,
    segment('twitch', 'xqc', 30).key,
    segment('twitch', 'xqc', 24, '-day').key,
    'chatlog-decisions/x.json',
    '2026/11/21/twitch/_manifest-0001.json',
  ].sort();
  const store = {
    async *list(prefix: string) {
      for (const key of keys) if (key.startsWith(prefix)) yield { key, bytes: 1 };
    },
  } as Partial<ObjectStore> as ObjectStore;
  const signal = new AbortController().signal;
  const days = [];
  for await (const { dayMs, segments } of selectedDays(store, EVERYTHING, signal))
    days.push([(dayMs - START_MS) / HOUR_MS, segments.length]);
  expect(days).toEqual([
    [0, 2],
    [24, 2],
  ]);
  const bounded = { ...EVERYTHING, fromMs: START_MS, toMs: START_MS + 24 * HOUR_MS, platforms: ['twitch'] };
  const found = await Array.fromAsync(selectedDays(store, bounded, signal));
  expect(found.map(({ segments }) => segments.length)).toEqual([2]);
});
