/**
 * Twitch over IRC: any number of channels on a pool of connections, anonymous or with a token.
 *
 * Every line is recorded except the protocol's own: PING, PONG, CAP, RECONNECT, the numerics of login and join
 * (001-004, 353, 366, 372, 375, 376), our own JOIN and PART, and our own state (GLOBALUSERSTATE, USERSTATE). What is not
 * known is recorded as `type: raw`.
 *
 * Facts: https://dev.twitch.tv/docs/chat/irc
 */
import type { TwitchConfig } from '../../config/schema.ts';
import type { CapturedEvent } from '../../event.ts';
import { BackgroundWork } from '../background-work.ts';
import { liveOn, pendingOn } from '../channel-feed.ts';
import { ChannelTable } from '../channel-table.ts';
import type {
  ChannelSpec,
  ChannelStatus,
  Connector,
  ConnectorContext,
  ConnectorStatus,
} from '../connector.ts';
import { IrcConnection } from '../irc/irc-connection.ts';
import { OddLines } from '../irc/odd-lines.ts';
import { parseTags, prefixNick, splitIrcLine } from '../irc-line.ts';
import { ConnectionPool } from './connection-pool.ts';
import { GapFiller } from './gap-filler.ts';
import { GhostJoins } from './ghost-joins.ts';
import { JoinQueue } from './join-queue.ts';
import { Overlaps } from './overlap.ts';
import { RecentMessagesClient, type RecentMessagesOptions } from './recent-messages.ts';
import { isTwitchLogin, refusalOf } from './refusals.ts';
import type { Link, Slot } from './slot.ts';
import { parseTwitchLine } from './twitch-line.ts';
import { twitchLogin } from './twitch-login.ts';
import { TWITCH_TIMING, type TwitchTiming } from './twitch-timing.ts';

export interface TwitchConnectorOptions {
  timing?: Partial<TwitchTiming>;
  recentMessages?: Partial<RecentMessagesOptions>;
  random?: () => number;
}

/** Recorded like any other line, but they say something about our own joins first; the rest is only the protocol's. */
const PROTOCOL = new Set(
  'PING PONG CAP RECONNECT GLOBALUSERSTATE USERSTATE 001 002 003 004 353 366 372 375 376'.split(' '),
);

export class TwitchConnector implements Connector {
  readonly platform = 'twitch';
  readonly #config: TwitchConfig;
  readonly #context: ConnectorContext;
  readonly #timing: TwitchTiming;
  readonly #random: () => number;
  readonly #table: ChannelTable;
  readonly #pool: ConnectionPool;
  readonly #queue: JoinQueue;
  readonly #ghosts: GhostJoins;
  readonly #overlaps: Overlaps;
  readonly #filler: GapFiller;
  readonly #links = new Map<string, { link: Link; slot: Slot }>();
  readonly #invalid = new Map<string, ChannelStatus>();
  readonly #work: BackgroundWork;
  #signal: AbortSignal | undefined;

  constructor(config: TwitchConfig, context: ConnectorContext, options: TwitchConnectorOptions = {}) {
    this.#config = config;
    this.#context = context;
    this.#timing = { ...TWITCH_TIMING, ...options.timing };
    this.#random = options.random ?? Math.random;
    const backoff = {
      minMs: config.backoff.min_seconds * 1000,
      maxMs: config.backoff.max_seconds * 1000,
      random: this.#random,
    };
    this.#work = new BackgroundWork((error) => context.log.error({ err: error }, 'backfill failed'));
    this.#table = new ChannelTable({
      coverage: context.coverage,
      backoff: { ...backoff, minMs: backoff.minMs * 5 },
      limitMs: this.#timing.limitMs,
      heardAtMs: (link) => this.#links.get(link)?.link.connection.lastHeardMs ?? 0,
      gap: (gap) => this.#work.begin(gap.channel, (signal) => this.#filler.fill(gap, signal)),
      now: context.now,
    });
    this.#pool = new ConnectionPool({
      channelsPerConnection: config.channels_per_connection,
      connectIntervalMs: config.connect_interval_seconds * 1000,
      backoff,
      overlapMaxMs: this.#timing.overlapMaxMs,
      connect: (linkId) => this.#connect(linkId),
      isLive: (slot) => this.#isLive(slot),
      up: (link, slot) => this.#up(link, slot),
      down: (link, slot, cause) => this.#down(link, slot, cause),
      log: context.log,
    });
    this.#queue = new JoinQueue({
      budget: config.join_budget,
      windowMs: this.#timing.joinWindowMs,
      sent: (channel, target) => this.#sent(channel, target.id),
    });
    this.#overlaps = new Overlaps(`${context.now().toString(36)}${this.#random().toString(36).slice(2, 8)}`);
    const { enabled, url } = config.backfill;
    this.#filler = new GapFiller(
      context,
      enabled ? new RecentMessagesClient({ url, ...options.recentMessages }) : undefined,
    );
    this.#ghosts = new GhostJoins({
      context,
      filler: this.#filler,
      minSilenceMs: config.silent_after_seconds * 1000,
      intervals: this.#timing.ghostIntervals,
      heardAtMs: (channel) => {
        const feed = this.#table.get(channel)?.feed;
        const link = feed && this.#links.get(liveOn(feed) ?? '')?.link;
        return link && (() => link.connection.lastHeardMs);
      },
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const stopped = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => stopped.resolve(), { once: true });
    if (signal.aborted) return;
    this.#signal = signal;
    this.#work.start(signal);
    this.#pool.start(signal);
    const timer = setInterval(() => this.#tick(), this.#timing.tickMs);
    try {
      await Promise.race([stopped.promise, this.#pool.broken]);
    } finally {
      clearInterval(timer);
      this.#queue[Symbol.dispose]();
    }
    await this.#pool.ended();
    await this.#work.ended();
  }

  setChannels(specs: readonly ChannelSpec[], rejoin?: string): void {
    this.#invalid.clear();
    for (const { name } of specs) {
      if (!isTwitchLogin(name)) this.#invalid.set(name, invalidStatus(name, this.#context.now()));
    }
    const { added, removed } = this.#table.set(
      specs.filter(({ name }) => !this.#invalid.has(name)),
      rejoin,
    );
    for (const { name, feed } of removed) {
      this.#work.cancel(name);
      this.#queue.remove(name);
      this.#ghosts.removed(name);
      for (const on of new Set([liveOn(feed), pendingOn(feed)])) {
        if (on !== undefined) this.#links.get(on)?.link.connection.send(`PART #${name}`);
      }
      this.#pool.remove(name);
    }
    for (const { name } of added) this.#enqueue(name);
    this.#pool.closeUnused();
  }

  status(): ConnectorStatus {
    const channels = this.#table.statuses().map((status) => {
      const reason = status.state === 'queued' ? this.#pool.slotOf(status.channel)?.reason : undefined;
      return reason === undefined ? status : { ...status, reason };
    });
    return {
      platform: this.platform,
      channels: [...channels, ...this.#invalid.values()],
      connections: this.#pool.statuses(),
    };
  }

  async #connect(linkId: string): Promise<IrcConnection> {
    const { registerTimeoutMs, capFallbackMs } = this.#timing;
    const { sink, now, log } = this.#context;
    const oddLines = new OddLines();
    return new IrcConnection(
      { ...(await twitchLogin(this.#config, this.#random)), registerTimeoutMs, capFallbackMs, sink, now },
      {
        line: (line, command, receivedAtMs) => this.#line(linkId, line, command, receivedAtMs),
        bytes: (bytes, reason, piece, receivedAtMs) => {
          this.#context.parseFailure();
          sink.push(oddLines.event(bytes, reason, piece, (line) => parseTwitchLine(line, receivedAtMs)));
        },
        trouble: (error, line) => log.warn({ err: error, line }, 'protocol line not understood'),
      },
    );
  }

  #up(link: Link, slot: Slot): void {
    this.#links.set(link.id, { link, slot });
    this.#context.log.info({ connection: slot.id, channels: slot.channels.size }, 'connected');
    for (const channel of slot.channels) this.#enqueue(channel);
  }

  #down(link: Link, slot: Slot, cause: string): void {
    this.#queue.removeTarget(link.id);
    this.#overlaps.endAll(link.id);
    const wasAborted = this.#signal?.aborted ?? false;
    const lost = this.#table.connectionLost(
      link.id,
      wasAborted ? 'chatlog was stopped' : `connection lost: ${cause}`,
    );
    this.#links.delete(link.id);
    if (wasAborted) return;
    for (const { name } of lost) this.#enqueue(name);
    // What was still waiting for this link goes to its successor.
    if (slot.joinLink) for (const channel of slot.channels) this.#enqueue(channel);
  }

  /** Puts a channel into the line for the connection where it belongs, unless it is there already. */
  #enqueue(name: string): void {
    const record = this.#table.get(name);
    if (!record) return;
    const { feed } = record;
    if (
      feed.state !== 'queued' &&
      feed.state !== 'joining' &&
      feed.state !== 'joined' &&
      feed.state !== 'moving'
    )
      return;
    const link = this.#pool.place(name).joinLink;
    if (!link || liveOn(feed) === link.id || pendingOn(feed) === link.id) return;
    this.#queue.add(name, { id: link.id, send: (line) => link.connection.send(line) });
  }

  #sent(name: string, on: string): void {
    if (!this.#table.apply(name, { event: 'sent', on })) return;
    const feed = this.#table.get(name)?.feed;
    if (feed?.state === 'moving') this.#overlaps.begin(name, feed.from, feed.to);
  }

  #line(linkId: string, line: string, command: string, receivedAtMs: number): void {
    if (command !== 'PRIVMSG' && this.#isProtocol(linkId, line, command)) return;
    const captured = this.#parse(line, receivedAtMs);
    this.#ghosts.heard(captured.event.channel, receivedAtMs);
    this.#record(captured, linkId, line);
  }

  #parse(line: string, receivedAtMs: number): CapturedEvent {
    const captured = parseTwitchLine(line, receivedAtMs);
    if (captured.event.type === 'raw') this.#context.parseFailure();
    return captured;
  }

  #record(captured: CapturedEvent, linkId: string, line: string): void {
    const { sink } = this.#context;
    if (captured.identity !== '') sink.push(captured);
    else sink.push({ ...captured, identity: this.#overlaps.identity(captured.event.channel, linkId, line) });
  }

  /** Draws what a line says about our own connection and joins; true where that is all it says. */
  #isProtocol(linkId: string, line: string, command: string): boolean {
    switch (command) {
      case 'JOIN':
      case 'PART':
        return this.#isOwnMembership(linkId, line, command);
      case 'ROOMSTATE':
        this.#confirmed(channelOf(splitIrcLine(line).params[0]), linkId);
        return false;
      case 'NOTICE':
        this.#notice(linkId, line);
        // Before login it is about the login, and in the log.
        return !this.#links.has(linkId);
      case 'RECONNECT': {
        const known = this.#links.get(linkId);
        if (known) known.slot.replace(known.link);
        return true;
      }
      default:
        return PROTOCOL.has(command);
    }
  }

  #isOwnMembership(linkId: string, line: string, command: 'JOIN' | 'PART'): boolean {
    const { prefix, params } = splitIrcLine(line);
    const link = this.#links.get(linkId)?.link;
    if (!link || prefixNick(prefix) !== link.connection.nick) return false;
    const channel = channelOf(params[0]);
    if (command === 'JOIN') {
      this.#confirmed(channel, linkId);
    } else {
      this.#overlaps.end(channel, linkId);
      const cause = 'removed from the channel by the server';
      if (this.#table.apply(channel, { event: 'lost', on: linkId, cause })) this.#enqueue(channel);
    }
    return true;
  }

  #confirmed(channel: string, linkId: string): void {
    const before = this.#table.get(channel)?.feed;
    if (!before || !this.#table.apply(channel, { event: 'confirmed', on: linkId })) return;
    this.#ghosts.joined(channel);
    const left = liveOn(before);
    if (left === undefined || left === linkId) return;
    const old = this.#links.get(left);
    if (!old) return;
    const now = this.#links.get(linkId);
    if (now?.slot === old.slot) this.#retireIfEmpty(old.link, old.slot);
    else old.link.connection.send(`PART #${channel}`);
    const silentSinceMs = this.#ghosts.moved(channel);
    if (silentSinceMs === undefined) return;
    this.#work.begin(channel, (signal) => this.#ghosts.recover(channel, silentSinceMs, signal));
  }

  /** A replaced connection goes when nothing depends on it any more. */
  #retireIfEmpty(link: Link, slot: Slot): void {
    for (const { feed } of this.#table.values()) if (liveOn(feed) === link.id) return;
    setTimeout(() => slot.retire(link), this.#timing.overlapLingerMs).unref();
  }

  #notice(linkId: string, line: string): void {
    const { tags, params } = splitIrcLine(line);
    const msgId = parseTags(tags)?.['msg-id'];
    const refusal = typeof msgId === 'string' ? refusalOf(msgId, params[1] ?? '') : undefined;
    const channel = channelOf(params[0]);
    if (!refusal || !this.#table.apply(channel, { event: 'refused', on: linkId, ...refusal })) return;
    if (this.#table.get(channel)?.feed.state !== refusal.as) {
      this.#stayIfLive(channel, linkId);
      return;
    }
    this.#context.log.warn({ channel, state: refusal.as, reason: refusal.reason }, 'channel refused');
    this.#ghosts.removed(channel);
    this.#pool.remove(channel);
  }

  #tick(): void {
    const timeoutMs = this.#config.join_timeout_seconds * 1000;
    for (const { name, feed } of this.#table.overdue(timeoutMs)) {
      const on = pendingOn(feed);
      const reason = `no confirmation within ${timeoutMs / 1000} s: the channel may not exist`;
      if (on === undefined || !this.#table.apply(name, { event: 'unconfirmed', on, reason })) continue;
      this.#stayIfLive(name, on);
    }
    for (const { name } of this.#table.due()) {
      this.#table.apply(name, { event: 'due' });
      this.#enqueue(name);
    }
    for (const channel of this.#ghosts.suspects()) this.#suspect(channel);
    this.#pool.closeUnused();
  }

  /** A second JOIN came to nothing while the first connection delivers: the channel stays there. */
  #stayIfLive(name: string, notOn: string): void {
    const live = liveOn(this.#table.get(name)?.feed ?? { state: 'queued' });
    const home = live === undefined ? undefined : this.#links.get(live)?.slot;
    if (!home) return;
    // It may be confirmed yet, and would be delivered twice from then on.
    this.#links.get(notOn)?.link.connection.send(`PART #${name}`);
    this.#ghosts.moved(name);
    this.#pool.settle(name, home);
  }

  #isLive(slot: Slot): boolean {
    for (const { feed } of this.#table.values()) {
      const live = liveOn(feed);
      if (live !== undefined && this.#links.get(live)?.slot === slot) return true;
    }
    return false;
  }

  /** A channel fell silent against its habit: joined elsewhere first, then parted here. */
  #suspect(channel: string): void {
    const feed = this.#table.get(channel)?.feed;
    if (feed?.state !== 'joined') return;
    this.#context.log.debug({ channel }, 'silent against its habit: joining it on another connection');
    this.#pool.move(channel);
    this.#enqueue(channel);
  }
}

function channelOf(target: string | undefined): string {
  return target?.startsWith('#') ? target.slice(1) : '';
}

function invalidStatus(channel: string, sinceMs: number): ChannelStatus {
  const reason = 'not a Twitch login (1 to 25 letters, digits or _)';
  return { channel, state: 'not_found', reason, sinceMs };
}
