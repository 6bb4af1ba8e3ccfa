import { expect, test } from 'vitest';
import { waitFor } from '../../test/support/wait-for.ts';
import { StoreGate } from './store-gate.ts';

const error = new Error('down');

function gate(probe: () => Promise<void> = () => Promise.reject(error), minMs = 1000, maxMs = 60_000) {
  let nowMs = 0;
  const made = new StoreGate({ minMs, maxMs, monotonic: () => nowMs, random: () => 0, probe });
  const stopping = new AbortController();
  return {
    gate: made,
    signal: stopping.signal,
    stop: () => stopping.abort(new Error('stop')),
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

test('a segment that failed waits ever longer, up to the limit; others may be tried', () => {
  const it = gate();
  for (const delayMs of [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]) {
    it.gate.failed('a', error, it.signal);
    expect(it.gate.nextMs()).toBe(delayMs);
    expect(it.gate.mayTry('a')).toBe(false);
    expect(it.gate.mayTry('b')).toBe(true);
    it.pass(delayMs);
    expect(it.gate.mayTry('a')).toBe(true);
  }
  expect(it.gate.isClosed).toBe(false);
});

test('two segments that fail in a row close it, a success in between does not', () => {
  const it = gate();
  it.gate.failed('a', error, it.signal);
  it.gate.succeeded('b');
  it.gate.failed('c', error, it.signal);
  expect(it.gate.isClosed).toBe(false);
  it.gate.failed('a', error, it.signal);
  expect(it.gate.isClosed).toBe(true);
  it.stop();
});

test('while it is closed it probes one at a time until a probe succeeds; then all may be tried again', async () => {
  let [probes, atOnce, isDown] = [0, 0, true];
  const it = gate(
    async () => {
      probes++;
      expect(++atOnce).toBe(1);
      await Promise.resolve();
      atOnce--;
      if (isDown) throw error;
    },
    1,
    4,
  );
  it.gate.failed('a', error, it.signal);
  it.gate.failed('b', error, it.signal);
  let passed = 0;
  const waiting = [1, 2, 3].map(() => it.gate.passable(it.signal).then(() => passed++));
  await waitFor('probes', () => probes > 5);
  expect(passed).toBe(0);
  isDown = false;
  await Promise.all(waiting);
  expect(it.gate.isClosed).toBe(false);
  expect(it.gate.mayTry('a')).toBe(true);
});

test('those who wait hear of an abort', async () => {
  const it = gate();
  it.gate.failed('a', error, it.signal);
  it.gate.failed('b', error, it.signal);
  const waiting = it.gate.passable(it.signal);
  it.stop();
  await expect(waiting).rejects.toThrow('stop');
});
