import { expect, test } from 'vitest';
import { memoryLogger } from '../../test/support/segments.ts';
import { ChatlogError } from '../lib/errors.ts';
import { FailureLog } from './failure-log.ts';

const minute = 60_000;

function bench() {
  let nowMs = 0;
  const log = memoryLogger();
  const failures = new FailureLog(log, 'the store', () => nowMs);
  return {
    failures,
    told: () => log.lines.map(({ level, fields }) => `${level} ${fields.failures}`),
    lines: log.lines,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

const down = new ChatlogError('unreachable', 'no route', { hint: 'look at the cable' });

test('the first failure is told at once, later ones every quarter of an hour, the end with how long it took', () => {
  const it = bench();
  for (let minutes = 0; minutes < 40; minutes++) {
    it.failures.failed(`f${minutes}`, down);
    it.pass(minute);
  }
  it.failures.succeeded('f3');
  expect(it.told()).toEqual(['warn 1', 'warn 16', 'warn 31', 'info 40']);
  expect(it.lines.at(-1)?.fields).toMatchObject({ failedForSeconds: 40 * 60, store: 'the store' });
  it.failures.succeeded('f4');
  it.failures.failed('f5', down);
  expect(it.told().slice(4)).toEqual(['warn 1']);
});

test('what a person has to put right is told as an error, with the hint', () => {
  const it = bench();
  it.failures.failed('f', new ChatlogError('access_denied', 'HTTP 403', { hint: 'check the key' }));
  expect(it.lines[0]).toMatchObject({
    level: 'error',
    fields: { code: 'access_denied', hint: 'check the key' },
  });
});

test('one bad file among good ones is neither told at every failure nor taken for over', () => {
  const it = bench();
  for (let attempt = 0; attempt < 10; attempt++) {
    it.failures.failed('bad', down);
    it.failures.succeeded(`good${attempt}`);
    it.pass(minute);
  }
  expect(it.told()).toEqual(['warn 1']);
  it.failures.succeeded('bad');
  expect(it.told()).toEqual(['warn 1', 'info 10']);
});
