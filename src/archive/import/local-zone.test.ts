import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LocalZone } from './local-zone.ts';

const local = (text: string) => Date.parse(`${text}Z`);
const utc = (ms: number) => new Date(ms).toISOString().slice(0, 16);

it('knows names, offsets and UTC, and nothing else', () => {
  for (const name of ['UTC', 'z', 'Europe/Berlin', 'America/Argentina/Ushuaia', '+02:00', '-0930'])
    expect(LocalZone.of(name), name).toBeDefined();
  for (const name of ['', 'Berlin', '+25:00', '+0260', 'Europe/Atlantis', '2'])
    expect(LocalZone.of(name), name).toBeUndefined();
});

it('turns local times into UTC, in summer and winter', () => {
  const berlin = LocalZone.of('Europe/Berlin')!;
  expect(utc(berlin.toUtcMs(local('2019-09-15T13:00')))).toBe('2019-09-15T11:00');
  expect(utc(berlin.toUtcMs(local('2019-12-15T13:00')))).toBe('2019-12-15T12:00');
  expect(utc(LocalZone.of('-0930')!.toUtcMs(local('2019-12-15T13:00')))).toBe('2019-12-15T22:30');
  expect(utc(LocalZone.of('Asia/Kathmandu')!.toUtcMs(local('2019-12-15T13:00')))).toBe('2019-12-15T07:15');
});

it('takes an hour that there was twice for the first, unless the log is past it', () => {
  const berlin = LocalZone.of('Europe/Berlin')!;
  const at = local('2019-10-27T02:30');
  expect(utc(berlin.toUtcMs(at))).toBe('2019-10-27T00:30');
  expect(utc(berlin.toUtcMs(at, Date.parse('2019-10-27T00:29:00Z')))).toBe('2019-10-27T00:30');
  expect(utc(berlin.toUtcMs(at, Date.parse('2019-10-27T00:33:00Z')))).toBe('2019-10-27T00:30');
  expect(utc(berlin.toUtcMs(at, Date.parse('2019-10-27T00:59:00Z')))).toBe('2019-10-27T01:30');
  expect(berlin.isTwice(at)).toBe(true);
  expect(berlin.isTwice(at + 3_600_000)).toBe(false);
});

it('takes times that no clock showed as before the change', () => {
  expect(utc(LocalZone.of('Europe/Berlin')!.toUtcMs(local('2019-03-31T02:30')))).toBe('2019-03-31T01:30');
  expect(utc(LocalZone.of('Australia/Lord_Howe')!.toUtcMs(local('2019-10-06T02:15')))).toBe(
    '2019-10-05T15:45',
  );
});

it('comes back to the same local time wherever there is one', () => {
  const zones = ['Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe', 'Africa/Casablanca'].map(
    (name) => ({
      zone: LocalZone.of(name)!,
      format: new Intl.DateTimeFormat('sv-SE', { timeZone: name, dateStyle: 'short', timeStyle: 'medium' }),
    }),
  );
  const moments = fc.integer({ min: Date.UTC(1995, 0, 1) / 1000, max: Date.UTC(2030, 0, 1) / 1000 });
  fc.assert(
    fc.property(moments, fc.constantFrom(...zones), (seconds, { zone, format }) => {
      const localMs = Date.parse(`${format.format(seconds * 1000).replace(' ', 'T')}Z`);
      const found = [zone.toUtcMs(localMs), zone.toUtcMs(localMs, seconds * 1000)];
      expect(found).toContain(seconds * 1000);
    }),
    { numRuns: 500 },
  );
});
