import { expect, it } from 'vitest';
import { waitFor } from '../../test/support/wait-for.ts';
import { FeedConnector, type FeedPlatform } from './feed-connector.ts';
import { fakeContext } from './testing/fakes.ts';
import { runConnector } from './testing/run-connector.ts';

it('closes a gap whose history fails, with what came before', async () => {
  const context = fakeContext();
  const event = { timestamp: '', channel: 'a', username: '', user_id: '', message: '', platform: 'test' };
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
    history: async (_gap, take) => {
      take({ event, timeMs: 0, identity: 'm1', unsampled: false });
      throw new Error('the history service is in trouble');
    },
  };
  const connector = new FeedConnector(platform, context, {
    backoff: { minMs: 10, maxMs: 20 },
    joinTimeoutMs: 1000,
  });
  connector.setChannels([{ name: 'a' }]);
  await using _ = runConnector(connector);
  await waitFor('the end of the gap', () => context.coverage.closed.length === 1);
  expect(context.coverage.closed[0]).toMatchObject({ backfill: 'failed', filled: 1 });
});
