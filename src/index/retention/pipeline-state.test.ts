import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configSchema, type PipelineStep } from '../../config/schema.ts';
import { afterFailure, judgeRun, NEW_RUN, nextStep, type PipelineRun, stepIds } from './pipeline-state.ts';

const policy = { attemptsMax: 3, minSeconds: 60, maxSeconds: 600 };
const judging = { nowMs: 1_000_000, retry: false, policy };

function steps(...list: object[]): PipelineStep[] {
  return configSchema.parse({ pipelines: { p: list } }).pipelines.p!;
}

describe('whether a run is taken up', () => {
  const run = (members: Partial<PipelineRun>): PipelineRun => ({ ...NEW_RUN, ...members });

  it('takes what is new, and what failed once its time has come', () => {
    expect(judgeRun(NEW_RUN, judging)).toBe('run');
    expect(judgeRun(run({ state: 'failed', attempts: 1, nextAttemptMs: 1_000_000 }), judging)).toBe('run');
    expect(judgeRun(run({ state: 'failed', attempts: 1, nextAttemptMs: 1_000_001 }), judging)).toBe('later');
  });

  it('leaves what is done, and what is dead until somebody asks for it', () => {
    expect(judgeRun(run({ state: 'done' }), { ...judging, retry: true })).toBe('done');
    expect(judgeRun(run({ state: 'dead' }), judging)).toBe('dead');
    expect(judgeRun(run({ state: 'dead' }), { ...judging, retry: true })).toBe('run');
  });

  it('takes what a process left running, but not what has ended one process after the other', () => {
    expect(judgeRun(run({ state: 'running', attempts: 2 }), judging)).toBe('run');
    expect(judgeRun(run({ state: 'running', attempts: 3 }), judging)).toBe('dead');
    expect(judgeRun(run({ state: 'running', attempts: 3 }), { ...judging, retry: true })).toBe('run');
  });
});

describe('after a failure', () => {
  it('waits twice as long each time up to the longest, between half of it and all of it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (attempts, random) => {
          const outcome = afterFailure(attempts, { ...policy, attemptsMax: 1_000 }, 0, random);
          if (outcome.state !== 'failed') throw new Error('it has attempts left');
          const wholeMs = Math.min(600, 60 * 2 ** (attempts - 1)) * 1000;
          expect(outcome.nextAttemptMs).toBeGreaterThanOrEqual(wholeMs / 2);
          expect(outcome.nextAttemptMs).toBeLessThanOrEqual(wholeMs);
        },
      ),
    );
  });

  it('is parked with the last attempt that it has', () => {
    expect(afterFailure(2, policy, 0, 0).state).toBe('failed');
    expect(afterFailure(3, policy, 0, 0).state).toBe('dead');
  });
});

describe('which step is next', () => {
  const scores = { step: 'user_scores' };
  const first = { step: 'sql', statement: 'SELECT 1' };
  const second = { step: 'sql', statement: 'SELECT 2' };

  it('is the first that is not done, through edits of the configuration', () => {
    const done = stepIds(steps(scores, first)).map((id) => ({ id, result: {} }));
    const run = { ...NEW_RUN, steps: done };
    expect(nextStep(steps(scores, first), run)).toBeUndefined();
    expect(nextStep(steps(first), run)).toBeUndefined();
    expect(nextStep(steps(second, { ...scores, message: 5 }, first), run)?.step).toMatchObject(second);
  });

  it('tells two steps that are the same apart', () => {
    const ids = stepIds(steps(first, first, scores, scores));
    expect(new Set(ids).size).toBe(4);
    expect(nextStep(steps(first, first), { ...NEW_RUN, steps: [{ id: ids[0]!, result: {} }] })?.id).toBe(
      ids[1],
    );
  });
});
