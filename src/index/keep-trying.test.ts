import { expect, test } from 'vitest';
import { memoryLogger } from '../../test/support/segments.ts';
import { keepTrying, type Trouble } from './keep-trying.ts';

test('tries again after failures, says so once and once when it is over', async () => {
  const log = memoryLogger();
  const stop = new AbortController();
  const troubles: (Trouble | undefined)[] = [];
  let rounds = 0;
  const round = async () => {
    rounds++;
    if (rounds === 5) stop.abort();
    if (rounds === 2 || rounds === 3) throw new Error('away');
    return 0;
  };
  const onTrouble = (trouble: Trouble | undefined) => void troubles.push(trouble);
  await keepTrying({ task: 'do it', round, onTrouble, log, now: () => 7, random: () => 0 }, stop.signal);
  expect(rounds).toBe(5);
  expect(troubles).toEqual([{ error: 'away', sinceMs: 7 }, { error: 'away', sinceMs: 7 }, undefined]);
  expect(log.lines.map(({ level }) => level)).toEqual(['warn', 'info']);
});

test('ends at once when it is aborted, also in a round that never ends', async () => {
  const stop = new AbortController();
  const round = () => {
    setTimeout(() => stop.abort());
    return new Promise<number>(() => {});
  };
  const log = memoryLogger();
  await keepTrying(
    { task: 'wait', round, onTrouble() {}, log, now: Date.now, random: Math.random },
    stop.signal,
  );
  expect(log.lines).toEqual([]);
});
