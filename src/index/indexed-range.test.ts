import { expect, test } from 'vitest';
import { configSchema } from '../config/schema.ts';
import { encodeName } from '../segment-name.ts';
import { indexedRange } from './indexed-range.ts';

const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 10, 21, 12);

const config = configSchema.parse({
  defaults: { retention_days: 2 },
  twitch: { channels: [{ name: 'long', retention_days: 10 }] },
});
const segment = (channel: string, daysAgo: number) => ({
  ...{ platform: 'twitch', channel: encodeName(channel), suffix: '' },
  startMs: NOW - daysAgo * DAY_MS,
});

test('reaches back as far as the longest retention, and takes of each channel what its own leaves', () => {
  const { fromMs, wants } = indexedRange(config, NOW);
  expect(fromMs).toBe(Date.UTC(2026, 10, 11));
  expect(
    [segment('long', 9), segment('long', 11), segment('other', 1), segment('other', 3)].map(wants),
  ).toEqual([true, false, true, false]);
});

test('has no beginning where a channel is kept for ever', () => {
  const forever = configSchema.parse({ twitch: { channels: [{ name: 'x', retention_days: 'forever' }] } });
  const { fromMs, wants } = indexedRange(forever, NOW);
  expect(fromMs).toBeUndefined();
  expect([wants(segment('x', 4_000)), wants(segment('y', 4_000))]).toEqual([true, false]);
});

test('narrows to what was asked for, within the retention', () => {
  const asked = { platform: 'twitch', channel: 'long', fromMs: NOW - 5 * DAY_MS, toMs: NOW - 3 * DAY_MS };
  const { fromMs, toMs, wants } = indexedRange(config, NOW, asked);
  expect({ fromMs, toMs }).toEqual({ fromMs: asked.fromMs, toMs: asked.toMs });
  expect([2, 3, 4, 5, 6].map((days) => wants(segment('long', days)))).toEqual([
    false,
    true,
    true,
    true,
    false,
  ]);
  expect(wants(segment('other', 1))).toBe(false);
  expect(indexedRange(config, NOW, { fromMs: 0 }).fromMs).toBe(Date.UTC(2026, 10, 11));
});
