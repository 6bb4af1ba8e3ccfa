import { expect, test } from 'vitest';
import { type ManifestObject, makeManifest, manifestText, parseManifest, saysTheSame } from './manifest.ts';
import { manifestKey, parseManifestKey } from './manifest-key.ts';

const DAY = { dayMs: Date.UTC(2026, 10, 21), platform: 'twitch' };
const ORIGIN = { by: 'a', writtenMs: Date.UTC(2026, 10, 22) };

function object(key: string, lines = 3): ManifestObject {
  const digest = 'a'.repeat(64);
  return {
    ...{ key, bytes: 10, lines_bytes: 40, lines, lines_sha256: digest, object_sha256: digest },
    ...{ first: '2026-11-21T00:00:00.000Z', last: '2026-11-21T00:00:01.000Z', instance: 'a' },
  };
}

const gap = (channel: string, timestamp: string) => ({
  ...{ channel, timestamp, until: '2026-11-21T04:00:00.000Z', reason: 'x', backfill: 'none', filled: 0 },
});

test('says the same whatever the order of what it is made of, and a gap of two objects once', () => {
  const [a, b, c] = [
    gap('b', '2026-11-21T03:00:00.000Z'),
    gap('a', '2026-11-21T03:00:00.000Z'),
    gap('a', '2'),
  ];
  const one = makeManifest(DAY, [object('k/2'), object('k/1', 4)], [a, b, c, { ...b }], ORIGIN);
  const other = makeManifest(DAY, [object('k/1', 4), object('k/2')], [c, b, a], { by: 'b', writtenMs: 0 });
  expect(one.objects.map(({ key }) => key)).toEqual(['k/1', 'k/2']);
  expect(one.gaps).toEqual(
    [c, b, a].toSorted((x, y) => (x.channel + x.timestamp < y.channel + y.timestamp ? -1 : 1)),
  );
  expect(one.totals).toEqual({ objects: 2, bytes: 20, lines_bytes: 80, lines: 7 });
  expect(saysTheSame(one, other)).toBe(true);
  expect(saysTheSame(one, makeManifest(DAY, [object('k/1')], [], ORIGIN))).toBe(false);
});

test('comes back from its text, each object on a line of its own', () => {
  const manifest = makeManifest(DAY, [object('k/1'), object('k/2')], [gap('ann', '3')], ORIGIN);
  const text = manifestText(manifest);
  expect(parseManifest(text, DAY)).toEqual(manifest);
  expect(text.split('\n').filter((line) => line.startsWith('{"key":'))).toHaveLength(2);
  expect(parseManifest(manifestText(makeManifest(DAY, [], [], ORIGIN)), DAY)?.objects).toEqual([]);
});

test.each([
  ['another day’s', manifestText(makeManifest({ ...DAY, dayMs: 0 }, [], [], ORIGIN))],
  ['another platform’s', manifestText(makeManifest({ ...DAY, platform: 'irc-x' }, [], [], ORIGIN))],
  [
    'of a version to come',
    manifestText(makeManifest(DAY, [], [], ORIGIN)).replace('"version":1', '"version":2'),
  ],
  ['cut off', manifestText(makeManifest(DAY, [object('k')], [], ORIGIN)).slice(0, -20)],
  ['something else', '[]'],
  ['nothing', ''],
])('is not taken from a text that is %s', (_, text) => {
  expect(parseManifest(text, DAY)).toBeUndefined();
});

test('lies where its key says, also of a platform whose name has to be encoded', () => {
  expect(manifestKey(DAY, 1)).toBe('2026/11/21/twitch/_manifest-0001.json');
  const odd = { dayMs: DAY.dayMs, platform: 'irc-a_b' };
  expect(manifestKey(odd, 12345)).toBe('2026/11/21/irc-a%5Fb/_manifest-12345.json');
  expect(parseManifestKey(manifestKey(odd, 12345))).toEqual({ ...odd, generation: 12345 });
});

test.each([
  '2026/11/21/twitch/_manifest-1.json',
  '2026/11/21/twitch/_manifest-0000.json',
  '2026/11/31/twitch/_manifest-0001.json',
  '2026/11/21/_manifest-0001.json',
  '2026/11/21/twitch/xqc/_manifest-0001.json',
  'x/2026/11/21/twitch/_manifest-0001.json',
  '2026/11/21/twitch/_manifest-0001.json.bak',
])('takes %s for no manifest', (key) => {
  expect(parseManifestKey(key)).toBeUndefined();
});
