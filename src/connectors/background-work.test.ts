import { describe, expect, it } from 'vitest';
import { BackgroundWork } from './background-work.ts';

function setUp() {
  const errors: unknown[] = [];
  const work = new BackgroundWork((error) => errors.push(error));
  const run = new AbortController();
  const aborted: string[] = [];
  const begin = (channel: string) =>
    work.begin(
      channel,
      (signal) =>
        new Promise((_, reject) =>
          signal.addEventListener('abort', () => {
            aborted.push(channel);
            reject(signal.reason);
          }),
        ),
    );
  return { work, run, begin, aborted, errors };
}

describe('the work beside the connections', () => {
  it('ends with its channel, and that is no failure', async () => {
    const { work, run, begin, aborted, errors } = setUp();
    work.start(run.signal);
    for (const channel of ['ann', 'ann', 'bob']) begin(channel);
    work.cancel('ann');
    expect(aborted).toEqual(['ann', 'ann']);
    begin('ann');
    expect(aborted).toHaveLength(2);
    run.abort();
    await work.ended();
    expect(aborted.toSorted()).toEqual(['ann', 'ann', 'ann', 'bob']);
    expect(errors).toEqual([]);
  });

  it('begins neither before the start nor after the abort', () => {
    const { work, run, errors } = setUp();
    const begun: string[] = [];
    const begin = (channel: string) => work.begin(channel, async () => void begun.push(channel));
    begin('before');
    work.start(run.signal);
    begin('between');
    run.abort();
    begin('after');
    expect(begun).toEqual(['between']);
    expect(errors).toEqual([]);
  });

  it('tells of what fails', async () => {
    const { work, run, errors } = setUp();
    work.start(run.signal);
    const error = new Error('trouble');
    work.begin('ann', () => Promise.reject(error));
    await work.ended();
    expect(errors).toEqual([error]);
  });
});
