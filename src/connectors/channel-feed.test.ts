import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ChannelFeed,
  channelState,
  type FeedEvent,
  liveOn,
  nextFeed,
  pendingOn,
} from './channel-feed.ts';

const FEEDS = {
  queued: { state: 'queued' },
  'joining A': { state: 'joining', on: 'A' },
  'joined A': { state: 'joined', on: 'A' },
  'moving A>B': { state: 'moving', from: 'A', to: 'B' },
  banned: { state: 'banned', reason: 'r' },
  suspended: { state: 'suspended', reason: 'r' },
  not_found: { state: 'not_found', reason: 'r' },
  limit: { state: 'limit', reason: 'r' },
  retrying: { state: 'retrying', reason: 'r' },
} as const satisfies Record<string, ChannelFeed>;

const EVENTS = {
  'sent A': { event: 'sent', on: 'A' },
  'sent B': { event: 'sent', on: 'B' },
  'confirmed A': { event: 'confirmed', on: 'A' },
  'confirmed B': { event: 'confirmed', on: 'B' },
  'refused A': { event: 'refused', on: 'A', as: 'banned', reason: 'x' },
  'refused B': { event: 'refused', on: 'B', as: 'banned', reason: 'x' },
  'unconfirmed A': { event: 'unconfirmed', on: 'A', reason: 'x' },
  'unconfirmed B': { event: 'unconfirmed', on: 'B', reason: 'x' },
  'lost A': { event: 'lost', on: 'A', cause: 'x' },
  'lost B': { event: 'lost', on: 'B', cause: 'x' },
  due: { event: 'due' },
} as const satisfies Record<string, FeedEvent>;

/** Every state against every event; `.` = unchanged. */
const TABLE: Record<keyof typeof FEEDS, Record<keyof typeof EVENTS, string>> = {
  queued: row('joining A', 'joining B', 'joined A', 'joined B', '.', '.', '.', '.', '.', '.', '.'),
  'joining A': row(
    'joining A',
    'joining B',
    'joined A',
    'moving B>A',
    'banned',
    '.',
    'retrying',
    '.',
    'queued',
    '.',
    '.',
  ),
  'joined A': row('.', 'moving A>B', '.', '.', 'banned', '.', '.', '.', 'queued', '.', '.'),
  'moving A>B': row(
    '.',
    'moving A>B',
    '.',
    'joined B',
    'joining B',
    'joined A',
    'joining B',
    'joined A',
    'joining B',
    'joined A',
    '.',
  ),
  banned: row('joining A', 'joining B', 'joined A', 'joined B', '.', '.', '.', '.', '.', '.', '.'),
  suspended: row('joining A', 'joining B', 'joined A', 'joined B', '.', '.', '.', '.', '.', '.', '.'),
  not_found: row('joining A', 'joining B', 'joined A', 'joined B', '.', '.', '.', '.', '.', '.', '.'),
  limit: row('joining A', 'joining B', 'joined A', 'joined B', '.', '.', '.', '.', '.', '.', 'queued'),
  retrying: row('joining A', 'joining B', 'joined A', 'joined B', '.', '.', '.', '.', '.', '.', 'queued'),
};

function row(...cells: string[]): Record<keyof typeof EVENTS, string> {
  return Object.fromEntries(Object.keys(EVENTS).map((name, n) => [name, cells[n]])) as never;
}

function describeFeed(feed: ChannelFeed): string {
  if (feed.state === 'moving') return `moving ${feed.from}>${feed.to}`;
  return 'on' in feed ? `${feed.state} ${feed.on}` : feed.state;
}

describe('the state of a channel', () => {
  for (const [from, cells] of Object.entries(TABLE)) {
    for (const [event, to] of Object.entries(cells)) {
      it(`goes from "${from}" on "${event}" to "${to === '.' ? from : to}"`, () => {
        const feed = FEEDS[from as keyof typeof FEEDS];
        const next = nextFeed(feed, EVENTS[event as keyof typeof EVENTS]);
        expect(describeFeed(next)).toBe(to === '.' ? from : to);
        if (to === '.') expect(next).toBe(feed);
      });
    }
  }

  it('never claims a feed on a connection that was lost, whatever happened before', () => {
    const event = fc.constantFrom(...Object.values(EVENTS));
    fc.assert(
      fc.property(fc.array(event), fc.constantFrom('A', 'B'), (events, on) => {
        let feed: ChannelFeed = { state: 'queued' };
        for (const each of events) feed = nextFeed(feed, each);
        feed = nextFeed(feed, { event: 'lost', on, cause: 'gone' });
        expect(liveOn(feed)).not.toBe(on);
        expect(pendingOn(feed)).not.toBe(on);
      }),
    );
  });

  it('shows a channel that is being moved as joined', () => {
    expect(channelState(FEEDS['moving A>B'])).toBe('joined');
  });
});
