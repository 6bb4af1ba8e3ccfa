import { expect, test } from 'vitest';
import type { ManifestGap } from '../manifest/manifest.ts';
import { HoleFinder, holeText } from './holes.ts';
import type { HourLines } from './inspect-lines.ts';

const DAY_MS = Date.UTC(2026, 10, 21);
const HOUR_MS = 3_600_000;

/** An hour in which there was talk from one minute to another, evenly. */
function talk(hour: number, { lines = 600, from = 0, to = 60 } = {}): HourLines {
  const hourMs = DAY_MS + hour * HOUR_MS;
  return { hourMs, lines, firstMs: hourMs + from * 60_000, lastMs: hourMs + to * 60_000 - 1 };
}

function gap(channel: string, fromHour: number, toHour: number): ManifestGap {
  const [timestamp, until] = [fromHour, toHour].map((hour) =>
    new Date(DAY_MS + hour * HOUR_MS).toISOString(),
  );
  return { channel, timestamp: timestamp!, until: until!, reason: '', backfill: 'none', filled: 0 };
}

function holesOf(hours: Record<string, HourLines[]>, gaps: ManifestGap[] = []): string[] {
  const finder = new HoleFinder();
  return finder
    .add({ platform: 'twitch', hours: new Map(Object.entries(hours)), gaps })
    .map((hole) => `${hole.subject} ${holeText(hole)}`);
}

test('between two busy hours nothing was recorded: a hole', () => {
  expect(holesOf({ xqc: [talk(1), talk(2), talk(5)] })).toEqual(['twitch/xqc 2026-11-21 03:00-05:00']);
});

test.each<[string, HourLines[], ManifestGap[]]>([
  ['hours that follow each other', [talk(1), talk(2), talk(3)], []],
  ['a gap line that says so', [talk(2), talk(5)], [gap('xqc', 2.9, 5.1)]],
  ['a gap line that says so of a part', [talk(2), talk(5)], [gap('xqc', 4, 4.5)]],
  ['a stream that ended before', [talk(2, { to: 40 }), talk(5)], []],
  ['a stream that began later', [talk(2), talk(5, { from: 12 })], []],
  ['a channel in which little is said', [talk(2, { lines: 9 }), talk(5, { lines: 9 })], []],
])('no hole: %s', (_, hours, gaps) => {
  expect(holesOf({ xqc: hours }, gaps)).toEqual([]);
});

test('a gap of another channel explains nothing', () => {
  expect(holesOf({ xqc: [talk(2), talk(5)] }, [gap('ann', 3, 5)])).toHaveLength(1);
});

test('of a whole platform a hole is told once, also where each channel by itself could have been silent', () => {
  const quiet = [talk(2, { lines: 4, to: 10 }), talk(5, { lines: 2, from: 30 })];
  const hours = { ann: quiet, bob: quiet, con: [talk(2), talk(5)] };
  expect(holesOf(hours)).toEqual(['twitch 2026-11-21 03:00-05:00']);
  expect(holesOf(hours, [gap('ann', 2.5, 5.1)])).toEqual(['twitch/con 2026-11-21 03:00-05:00']);
  expect(holesOf({ ann: quiet, bob: quiet })).toEqual([]);
});

test('holes and gaps go on over midnight', () => {
  const finder = new HoleFinder();
  const day = (hours: HourLines[], gaps: ManifestGap[] = []) =>
    finder.add({ platform: 'twitch', hours: new Map([['xqc', hours]]), gaps }).map(holeText);
  expect(day([talk(22)])).toEqual([]);
  expect(day([talk(24), talk(25)])).toEqual(['2026-11-21 23:00-24:00']);
  expect(day([talk(46), talk(47)], [gap('xqc', 47.9, 51)])).toEqual(['2026-11-22 02:00-22:00']);
  expect(day([talk(51), talk(60)])).toEqual(['2026-11-23 04:00-12:00']);
});
