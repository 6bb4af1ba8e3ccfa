import { expect, it } from 'vitest';
import { waitFor } from '../../test/support/wait-for.ts';
import { FeedConnector, type FeedPlatform } from './feed-connector.ts';
import { type FakeContext, fakeContext } from './testing/fakes.ts';
import { runConnector } from './testing/run-connector.ts';

const event = { timestamp: '', channel: 'a', username: '', user_id: '', message: '', platform: 'test' };

/** A platform that confirms every channel, and what becomes of the first gap that it is asked to fill. */
async function fillFrom(history: NonNullable<FeedPlatform['history']>): Promise<FakeContext> {
  const context = fakeContext();
  const platform: FeedPlatform = {
    platform: 'test',
    connect: async (feed, signal) => ({
      join: ({ name }) => feed.joined(name),
      part: () => {},
      pause: () => {},
      resume: () => {},
      close: () => {},
      closed: new Promise((resolve) => signal.addEventListener('abort', () => resolve('closed'))),
    }),
    history,
  };
  const connector = new FeedConnector(platform, context, {
    backoff: { minMs: 10, maxMs: 20 },
    joinTimeoutMs: 1000,
  });
  connector.setChannels([{ name: 'a' }]);
  await using _ = runConnector(connector);
  await waitFor('the end of the gap', () => context.coverage.closed.length === 1);
  return context;
}

it('closes a gap whose history fails, with what came before', async () => {
  const context = await fillFrom(async (_gap, take) => {
    await take({ event, timeMs: 0, identity: 'm1', unsampled: false });
    throw new Error('the history service is in trouble');
  });
  expect(context.coverage.closed[0]).toMatchObject({ backfill: 'failed', filled: 1 });
});

it('has recalled what was recorded before it takes the first event of the history', async () => {
  const context = await fillFrom(async (_gap, take) => {
    for (const identity of ['m1', 'm2']) await take({ event, timeMs: 500, identity, unsampled: false });
    return 'complete';
  });
  expect(context.recalls).toEqual([{ channel: 'a', sinceMs: 500, pushedBefore: 0 }]);
  expect(context.coverage.closed[0]).toMatchObject({ backfill: 'complete', filled: 2 });
});

it('recalls nothing where the history has nothing', async () => {
  const context = await fillFrom(async () => 'complete');
  expect(context.recalls).toEqual([]);
});
