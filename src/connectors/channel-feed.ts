/**
 * Where one channel stands, as a state machine without I/O; shared by the IRC-like connectors.
 *
 *     queued ──sent──> joining ──confirmed──> joined ──sent elsewhere──> moving ──confirmed──> joined
 *        ^                │ refused: banned, suspended, not_found (final), limit
 *        │                │ unconfirmed: retrying
 *        └──due── limit, retrying          lost: what was on that connection falls back
 *
 * `moving` is `joined` with a second JOIN under way on another connection (RECONNECT, ghost joins): its feed is
 * certain on `from` until `to` has confirmed. Where no feed is certain, any confirmation is believed: lines come.
 */
import type { ChannelState } from './connector.ts';

export type Refusal = 'banned' | 'suspended' | 'not_found' | 'limit' | 'retrying';

export type ChannelFeed =
  | { readonly state: 'queued'; readonly reason?: string }
  | { readonly state: 'joining'; readonly on: string }
  | { readonly state: 'joined'; readonly on: string }
  | { readonly state: 'moving'; readonly from: string; readonly to: string }
  | { readonly state: Refusal; readonly reason: string };

/** `on` names a connection. */
export type FeedEvent =
  /** A JOIN left for the connection. */
  | { readonly event: 'sent'; readonly on: string }
  /** The server confirmed the join. */
  | { readonly event: 'confirmed'; readonly on: string }
  /** The server refused the join, or ended it for the same reason. */
  | { readonly event: 'refused'; readonly on: string; readonly as: Refusal; readonly reason: string }
  /** No confirmation came in time. */
  | { readonly event: 'unconfirmed'; readonly on: string; readonly reason: string }
  /** The connection ended, or the server took the channel away. */
  | { readonly event: 'lost'; readonly on: string; readonly cause: string }
  /** The pause of `limit` or `retrying` is over. */
  | { readonly event: 'due' };

/** The next state; the same object where the event changes nothing. */
export function nextFeed(feed: ChannelFeed, event: FeedEvent): ChannelFeed {
  switch (event.event) {
    case 'sent':
      return sent(feed, event.on);
    case 'confirmed':
      return confirmed(feed, event.on);
    case 'refused':
      return withdrawn(feed, event.on, { state: event.as, reason: event.reason });
    case 'unconfirmed':
      if (feed.state === 'joined') return feed;
      return withdrawn(feed, event.on, { state: 'retrying', reason: event.reason });
    case 'lost':
      return withdrawn(feed, event.on, { state: 'queued', reason: event.cause });
    case 'due':
      return feed.state === 'limit' || feed.state === 'retrying'
        ? { state: 'queued', reason: feed.reason }
        : feed;
    default:
      return event satisfies never;
  }
}

/** The connection that certainly delivers the channel. */
export function liveOn(feed: ChannelFeed): string | undefined {
  if (feed.state === 'joined') return feed.on;
  return feed.state === 'moving' ? feed.from : undefined;
}

/** The connection whose confirmation is outstanding. */
export function pendingOn(feed: ChannelFeed): string | undefined {
  if (feed.state === 'joining') return feed.on;
  return feed.state === 'moving' ? feed.to : undefined;
}

/** The state as the port names it. */
export function channelState(feed: ChannelFeed): ChannelState {
  return feed.state === 'moving' ? 'joined' : feed.state;
}

function sent(feed: ChannelFeed, on: string): ChannelFeed {
  const live = liveOn(feed);
  if (live === on) return feed;
  return live === undefined ? { state: 'joining', on } : { state: 'moving', from: live, to: on };
}

/** A connection that delivers already confirms again at every change of the room: that ends no move. */
function confirmed(feed: ChannelFeed, on: string): ChannelFeed {
  const pending = pendingOn(feed);
  if (pending === on) return { state: 'joined', on };
  if (liveOn(feed) !== undefined) return feed;
  return pending === undefined ? { state: 'joined', on } : { state: 'moving', from: on, to: pending };
}

/** `on` no longer delivers or will deliver; `otherwise` where no other connection does. */
function withdrawn(feed: ChannelFeed, on: string, otherwise: ChannelFeed): ChannelFeed {
  switch (feed.state) {
    case 'joining':
    case 'joined':
      return feed.on === on ? otherwise : feed;
    case 'moving':
      if (feed.to === on) return { state: 'joined', on: feed.from };
      return feed.from === on ? { state: 'joining', on: feed.to } : feed;
    default:
      return feed;
  }
}
