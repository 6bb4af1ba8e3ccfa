import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type WorkItem, WorkList } from './work-list.ts';

const item = (startMs: number): WorkItem => ({ file: `f${startMs}`, startMs, compression: 'zstd' });

test('whatever is added, the oldest and a few of the newest are kept', () => {
  const times = fc.uniqueArray(fc.nat(1000), { maxLength: 200 });
  fc.assert(
    fc.property(times, (added) => {
      const list = new WorkList(20, 4);
      for (const time of added) list.add(item(time));
      for (const time of added.slice(0, 10)) if (!list.overflowed) list.add(item(time));
      const sorted = [...added].sort((a, b) => a - b);
      const kept = sorted.length <= 20 ? sorted : [...sorted.slice(0, 16), ...sorted.slice(-4)];
      expect(list.size).toBe(kept.length);
      expect(list.overflowed).toBe(added.length > 20);
      for (const time of kept) expect(list.take('oldest')?.startMs).toBe(time);
      expect(list.take('oldest')).toBeUndefined();
    }),
  );
});

test('it is worked at from either end, past what may not be taken', () => {
  const list = new WorkList();
  for (const time of [3, 1, 2, 5, 4]) list.add(item(time));
  expect(list.take('newest')?.startMs).toBe(5);
  expect(list.take('oldest', (file) => file !== 'f1')?.startMs).toBe(2);
  expect(list.take('newest', (file) => file !== 'f4')?.startMs).toBe(3);
  expect(list.take('oldest', () => false)).toBeUndefined();
  expect(list.size).toBe(2);
});
