import { expect, test } from 'vitest';
import type { ChatEvent } from '../event.ts';
import { LiveFeed, type LiveSubscription } from './live-feed.ts';

const never = new AbortController().signal;
let count = 0;

function said(feed: LiveFeed, message: string, members: Partial<ChatEvent> = {}): string {
  const event: ChatEvent = {
    timestamp: '2026-11-21T13:00:00.000Z',
    channel: 'xqc',
    username: 'ann',
    user_id: '1',
    message,
    platform: 'twitch',
    id: `m${++count}`,
    received_at: '2026-11-21T13:00:00.100Z',
    ...members,
  };
  feed.publish(event, `${JSON.stringify(event)}\n`);
  return message;
}

function taken(subscription: LiveSubscription): string[] {
  return subscription.take().lines.map(({ event }) => event.message);
}

test('each subscription has the lines of its subjects, as they were recorded, in order', () => {
  const feed = new LiveFeed();
  said(feed, 'nobody looks on');
  using all = feed.subscribe({ subjects: ['>'] });
  using bans = feed.subscribe({ subjects: ['twitch.xqc.ban', 'twitch.forsen.*'] });
  using ann = feed.subscribe({ subjects: ['>'], matches: ({ username }) => username === 'bob' });
  said(feed, 'one');
  said(feed, 'two', { type: 'ban' });
  said(feed, 'three', { channel: 'forsen', username: 'bob' });
  const lines = all.take().lines;
  expect(lines.map(({ event }) => event.message)).toEqual(['one', 'two', 'three']);
  for (const { line, event } of lines) expect(line).toBe(JSON.stringify(event));
  expect(taken(bans)).toEqual(['two', 'three']);
  expect(taken(ann)).toEqual(['three']);
  expect(taken(all)).toEqual([]);
  expect(feed.status()).toMatchObject({ clients: 3, delivered: 6, dropped: 0 });
});

test('who does not take keeps a bounded number of lines and is told how many are missing behind them', async () => {
  const feed = new LiveFeed();
  using slow = feed.subscribe({ subjects: ['>'] });
  using quick = feed.subscribe({ subjects: ['>'] });
  const seen: string[] = [];
  for (let number = 0; number < 12_000; number++) {
    said(feed, `n${number}`);
    seen.push(...taken(quick));
  }
  expect(seen).toHaveLength(12_000);
  await slow.ready(60_000, never);
  const { lines, dropped } = slow.take();
  expect(lines.length).toBeGreaterThan(1_000);
  expect(lines.map(({ event }) => event.message)).toEqual(seen.slice(0, lines.length));
  expect(dropped).toBe(12_000 - lines.length);
  expect(feed.status().dropped).toBe(dropped);
  said(feed, 'later');
  expect(slow.take()).toMatchObject({ lines: [{ event: { message: 'later' } }], dropped: 0 });
});

test('who comes back goes on behind the line it had last, without a hole and without a line twice', () => {
  const feed = new LiveFeed();
  const first = feed.subscribe({ subjects: ['>'] });
  said(feed, 'one');
  said(feed, 'two');
  const [one, two] = first.take().lines;
  first[Symbol.dispose]();
  said(feed, 'three');
  using again = feed.subscribe({ subjects: ['>'], after: one!.id });
  expect(again.isResumed).toBe(true);
  expect(taken(again)).toEqual(['two', 'three']);
  using latest = feed.subscribe({ subjects: ['*.forsen.*'], after: two!.id });
  said(feed, 'four', { channel: 'forsen' });
  expect(taken(latest)).toEqual(['four']);
});

test('where it is not known what went by, it says so', () => {
  const feed = new LiveFeed();
  using first = feed.subscribe({ subjects: ['>'] });
  said(feed, 'one');
  const [one] = first.take().lines;
  for (let number = 0; number < 3_000; number++) said(feed, 'x'.repeat(1_000));
  for (const after of [one!.id, '00000000-1-1', 'nonsense', undefined]) {
    using late = feed.subscribe({ subjects: ['>'], after });
    expect(late.isResumed).toBe(false);
    expect(taken(late)).toEqual([]);
  }
});
