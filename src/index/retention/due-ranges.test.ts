import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../config/schema.ts';
import { channelRetentions, DAY_MS, dayOfText, dayText, dueSinceMs, retentionFloorMs } from './due-ranges.ts';

const NOW = Date.parse('2026-11-21T04:10:00Z');
const moments = fc.integer({ min: 0, max: Date.UTC(2100, 0, 1) });
const retentions = fc.oneof(
  fc.integer({ min: 1, max: 36_500 }),
  fc.double({ min: 0.001, max: 36_500, noNaN: true }),
);

describe('the floor of a retention', () => {
  it('keeps thirty days and what has begun of the day before them', () => {
    expect(new Date(retentionFloorMs(30, NOW)!).toISOString()).toBe('2026-10-22T00:00:00.000Z');
    expect(new Date(retentionFloorMs(1, NOW)!).toISOString()).toBe('2026-11-20T00:00:00.000Z');
    expect(retentionFloorMs('forever', NOW)).toBeUndefined();
  });

  it('is the start of a UTC day; nothing below it is younger than the retention, and less than a day above it is older', () => {
    fc.assert(
      fc.property(retentions, moments, (days, nowMs) => {
        const floorMs = retentionFloorMs(days, nowMs)!;
        expect(floorMs % DAY_MS).toBeCloseTo(0);
        expect(floorMs).toBeLessThanOrEqual(nowMs - days * DAY_MS);
        expect(nowMs - days * DAY_MS - floorMs).toBeLessThan(DAY_MS);
      }),
    );
  });

  it('never goes down as time goes on, nor as the retention gets shorter', () => {
    fc.assert(
      fc.property(retentions, retentions, moments, fc.nat(10 * DAY_MS), (one, other, nowMs, laterMs) => {
        const [short, long] = [Math.min(one, other), Math.max(one, other)];
        expect(retentionFloorMs(short, nowMs)!).toBeGreaterThanOrEqual(retentionFloorMs(long, nowMs)!);
        expect(retentionFloorMs(long, nowMs + laterMs)!).toBeGreaterThanOrEqual(
          retentionFloorMs(long, nowMs)!,
        );
      }),
    );
  });

  it('passes a day at the moment from which on it is due', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3_650 }), fc.integer({ min: 0, max: 40_000 }), (days, day) => {
        const dayMs = day * DAY_MS;
        const dueMs = dueSinceMs(dayMs, days);
        expect(retentionFloorMs(days, dueMs)!).toBe(dayMs + DAY_MS);
        expect(retentionFloorMs(days, dueMs - 1)!).toBe(dayMs);
      }),
    );
  });
});

describe('what the configuration says of a channel', () => {
  const retentionOf = channelRetentions(
    configSchema.parse({
      pipelines: { monthly: [{ step: 'channel_summary' }] },
      defaults: { retention_days: 14, pipelines: ['monthly'] },
      twitch: { channels: ['ann', { name: 'bob', retention_days: 'forever', pipelines: [] }] },
      irc: {
        libera: {
          host: 'irc.libera.chat',
          nick: 'chatlog',
          channels: [{ name: '#Linux', retention_days: 7, object_retention_days: 90 }],
        },
      },
    }),
  );

  it('is its own setting, else the default', () => {
    expect(retentionOf('twitch', 'ann')).toEqual({
      retentionDays: 14,
      objectRetentionDays: 'forever',
      pipelines: ['monthly'],
    });
    expect(retentionOf('twitch', 'bob')).toMatchObject({ retentionDays: 'forever', pipelines: [] });
  });

  it('is the default for channels and platforms that it does not name', () => {
    expect(retentionOf('twitch', 'gone')).toMatchObject({ retentionDays: 14, pipelines: ['monthly'] });
    expect(retentionOf('kick', 'ann')).toMatchObject({ retentionDays: 14 });
  });

  it('finds a channel in whichever case its lines spell it', () => {
    expect(retentionOf('irc-libera', '#linux')).toMatchObject({ retentionDays: 7, objectRetentionDays: 90 });
    expect(retentionOf('irc-libera', '#LINUX')).toMatchObject({ retentionDays: 7 });
  });
});

it('writes days as the database does, and reads them back', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 40_000 }), (day) => {
      expect(dayText(day * DAY_MS)).toMatch(/^\d{4}-\d\d-\d\d$/);
      expect(dayOfText(dayText(day * DAY_MS))).toBe(day * DAY_MS);
    }),
  );
});
