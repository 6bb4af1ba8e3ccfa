import { expect, it } from 'vitest';
import { LocalZone } from './local-zone.ts';
import { civilDay, civilDayOf, dayIn, LogClock } from './log-clock.ts';

const UTC = LocalZone.of('UTC')!;
const DAY_MS = Date.UTC(2019, 8, 15);
const iso = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString());

it('knows no time before it knows the day, and none that is none', () => {
  const clock = new LogClock({ zone: UTC });
  expect(clock.at('13', '00', '05')).toBeUndefined();
  clock.setDay(DAY_MS);
  expect(iso(clock.at('13', '00', '05'))).toBe('2019-09-15T13:00:05.000Z');
  for (const [hour, minute, second] of [
    ['24', '00', '00'],
    ['12', '60', '00'],
    ['12', '00', '61'],
  ])
    expect(clock.at(hour!, minute!, second!)).toBeUndefined();
  expect(iso(clock.at('23', '59', '60'))).toBe('2019-09-15T23:59:59.000Z');
});

it('begins another day where times go back, but not for a little disorder or clocks that were set back', () => {
  const clock = new LogClock({ zone: UTC, dayMs: DAY_MS, rolls: true });
  expect(iso(clock.at('23', '59', '59'))).toBe('2019-09-15T23:59:59.000Z');
  expect(iso(clock.at('00', '00', '01'))).toBe('2019-09-16T00:00:01.000Z');
  expect(iso(clock.at('13', '00', '00'))).toBe('2019-09-16T13:00:00.000Z');
  expect(iso(clock.at('12', '57', '00'))).toBe('2019-09-16T12:57:00.000Z');
  expect(iso(clock.at('12', '00', '00'))).toBe('2019-09-17T12:00:00.000Z');
  const berlin = new LogClock({
    zone: LocalZone.of('Europe/Berlin')!,
    dayMs: Date.UTC(2019, 9, 27),
    rolls: true,
  });
  expect(iso(berlin.at('02', '59', '59'))).toBe('2019-10-27T00:59:59.000Z');
  expect(iso(berlin.at('02', '00', '01'))).toBe('2019-10-27T01:00:01.000Z');
});

it('reads days as logs write them', () => {
  expect(civilDay('2019', '09', '15')).toBe(DAY_MS);
  expect(civilDayOf('2019', 'Sep', '15')).toBe(DAY_MS);
  expect(dayIn('xqc-2019-09-15.log')).toBe(DAY_MS);
  for (const day of [
    civilDay('2019', '02', '30'),
    civilDayOf('2019', 'Foo', '1'),
    dayIn('x2019-13-01'),
    dayIn('x'),
  ])
    expect(day).toBeUndefined();
});
