/**
 * Twitch over IRC: any number of channels on a pool of connections, anonymous or with a token.
 *
 * Every line is recorded except the protocol's own: PING, PONG, CAP, RECONNECT, the numerics of login and join
 * (001-004, 353, 366, 372, 375, 376), our own JOIN and PART, and our own state (GLOBALUSERSTATE, USERSTATE). What is not
 * known is recorded as `type: raw`.
 *
 * Facts: https://dev.twitch.tv/docs/chat/irc
 */
import { readFile } from 'node:fs/promises';
import type { TwitchConfig } from '../../config/schema.ts';
import type { CapturedEvent } from '../../event.ts';
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
import type { OddReason } from '../irc/line-splitter.ts';
import { oddLine } from '../irc/odd-line.ts';
import { parseTags, prefixNick, splitIrcLine } from '../irc-line.ts';
import { ConnectionPool, type Link, type Slot } from './connection-pool.ts';
import { GapFiller } from './gap-filler.ts';
import { JoinQueue } from './join-queue.ts';
import { Overlaps } from './overlap.ts';
import { RecentMessagesClient, type RecentMessagesOptions } from './recent-messages.ts';
import { isTwitchLogin, refusalOf } from './refusals.ts';
import { SilenceWatch } from './silence-watch.ts';
import { parseTwitchLine } from './twitch-line.ts';

/** What no configuration needs to change; tests do. */
export interface TwitchTiming {
  /** Timeouts, pauses and silences are looked after so often. */
  tickMs: number;
  registerTimeoutMs: number;
  /** Capabilities are asked for anew after so long. */
  capFallbackMs: number;
  /** Pause after `msg_concurrent_channel_limit_reached`. */
  limitMs: number;
  /** A replaced connection lives on for so long at most. */
  overlapMaxMs: number;
  /** It stays for so long after its last channel has moved: its lines may come later than the same time's elsewhere. */
  overlapLingerMs: number;
  joinWindowMs: number;
  ghostMinSilenceMs: number;
  ghostIntervals: number;
}

export const TWITCH_TIMING: TwitchTiming = {
  tickMs: 1000,
  registerTimeoutMs: 20_000,
  capFallbackMs: 3000,
  limitMs: 10 * 60_000,
  overlapMaxMs: 2 * 60_000,
  overlapLingerMs: 3000,
  joinWindowMs: 10_500,
  ghostMinSilenceMs: 5 * 60_000,
  ghostIntervals: 30,
};

export interface TwitchConnectorOptions {
  timing?: Partial<TwitchTiming>;
  recentMessages?: Partial<RecentMessagesOptions>;
  random?: () => number;
}

/** Recorded like any other line, but they say something about our own joins first; the rest is only the protocol's. */
const PROTOCOL = new Set(
  'PING PONG CAP RECONNECT GLOBALUSERSTATE USERSTATE 001 002 003 004 353 366 372 375 376'.split(' '),
);

const REQUIRED_CAPS = ['twitch.tv/tags', 'twitch.tv/commands'];

export class TwitchConnector implements Connector {
  readonly platform = 'twitch';
  readonly #config: TwitchConfig;
  readonly #context: ConnectorContext;
  readonly #timing: TwitchTiming;
  readonly #random: () => number;
  readonly #table: ChannelTable;
  readonly #pool: ConnectionPool;
  readonly #queue: JoinQueue;
  readonly #silence: SilenceWatch;
  readonly #overlaps: Overlaps;
  readonly #filler: GapFiller;
  readonly #links = new Map<string, { link: Link; slot: Slot }>();
  readonly #invalid = new Map<string, ChannelStatus>();
  /** Channels that were moved on suspicion, and when they were last heard, ms since the epoch. */
  readonly #suspected = new Map<string, number>();
  readonly #fills = new Set<Promise<void>>();
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
    this.#table = new ChannelTable({
      coverage: context.coverage,
      backoff: { ...backoff, minMs: backoff.minMs * 5 },
      limitMs: this.#timing.limitMs,
      heardAtMs: (link) => this.#links.get(link)?.link.connection.lastHeardMs ?? 0,
      gap: (gap) => this.#track((signal) => this.#filler.fill(gap, signal)),
      now: context.now,
    });
    this.#pool = new ConnectionPool({
      channelsPerConnection: config.channels_per_connection,
      connectIntervalMs: config.connect_interval_seconds * 1000,
      backoff,
      overlapMaxMs: this.#timing.overlapMaxMs,
      connect: (linkId) => this.#connect(linkId),
      up: (link, slot) => this.#up(link, slot),
      down: (link, slot, cause) => this.#down(link, slot, cause),
      log: context.log,
    });
    this.#queue = new JoinQueue({
      budget: config.join_budget,
      windowMs: this.#timing.joinWindowMs,
      sent: (channel, target) => this.#sent(channel, target.id),
    });
    this.#silence = new SilenceWatch({
      minSilenceMs: this.#timing.ghostMinSilenceMs,
      intervals: this.#timing.ghostIntervals,
    });
    this.#overlaps = new Overlaps(`${context.now().toString(36)}${this.#random().toString(36).slice(2, 8)}`);
    const { enabled, url } = config.backfill;
    this.#filler = new GapFiller(
      context,
      enabled ? new RecentMessagesClient({ url, ...options.recentMessages }) : undefined,
    );
  }

  async run(signal: AbortSignal): Promise<void> {
    const stopped = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => stopped.resolve(), { once: true });
    if (signal.aborted) return;
    this.#signal = signal;
    this.#pool.start(signal);
    const timer = setInterval(() => this.#tick(), this.#timing.tickMs);
    try {
      await Promise.race([stopped.promise, this.#pool.broken]);
    } finally {
      clearInterval(timer);
      this.#queue[Symbol.dispose]();
    }
    await this.#pool.ended();
    await Promise.allSettled(this.#fills);
  }

  setChannels(specs: readonly ChannelSpec[]): void {
    this.#invalid.clear();
    for (const { name } of specs) {
      if (!isTwitchLogin(name)) this.#invalid.set(name, invalidStatus(name, this.#context.now()));
    }
    const before = new Map([...this.#table.values()].map(({ name, feed }) => [name, feed]));
    const { added, removed } = this.#table.set(specs.filter(({ name }) => !this.#invalid.has(name)));
    for (const { name } of removed) {
      this.#queue.remove(name);
      this.#silence.remove(name);
      this.#suspected.delete(name);
      const feed = before.get(name)!;
      for (const on of new Set([liveOn(feed), pendingOn(feed)])) {
        if (on !== undefined) this.#links.get(on)?.link.connection.send(`PART #${name}`);
      }
      this.#pool.remove(name);
    }
    for (const { name } of added) this.#enqueue(name);
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
    const { host, port, tls, tls_ca_file: caFile, oauth, username } = this.#config;
    const token = oauth?.replace(/^oauth:/, '');
    return new IrcConnection(
      {
        host,
        port,
        tls: tls ? (caFile ? { ca: await readFile(caFile, 'utf8') } : {}) : undefined,
        nick: token && username ? username.toLowerCase() : anonymousNick(this.#random),
        ...(token && username ? { password: `oauth:${token}` } : {}),
        caps: ['twitch.tv/membership'],
        requiredCaps: REQUIRED_CAPS,
        pingAfterMs: this.#config.ping_after_seconds * 1000,
        pingTimeoutMs: this.#config.ping_timeout_seconds * 1000,
        registerTimeoutMs: this.#timing.registerTimeoutMs,
        capFallbackMs: this.#timing.capFallbackMs,
        sink: this.#context.sink,
        now: this.#context.now,
      },
      {
        line: (line, command, receivedAtMs) => this.#line(linkId, line, command, receivedAtMs),
        bytes: (bytes, reason, piece, receivedAtMs) => this.#bytes(bytes, reason, piece, receivedAtMs),
        trouble: (error, line) =>
          this.#context.log.warn({ err: error, line }, 'protocol line not understood'),
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
    this.#silence.heard(captured.event.channel, receivedAtMs);
    this.#record(captured, linkId, line);
  }

  #bytes(bytes: Buffer, reason: OddReason, piece: number, receivedAtMs: number): void {
    this.#context.parseFailure();
    this.#context.sink.push(oddLine(bytes, reason, piece, (line) => parseTwitchLine(line, receivedAtMs)));
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
    this.#silence.add(channel);
    const left = liveOn(before);
    if (left === undefined || left === linkId) return;
    const old = this.#links.get(left);
    if (!old) return;
    const now = this.#links.get(linkId);
    if (now?.slot === old.slot) this.#retireIfEmpty(old.link, old.slot);
    else old.link.connection.send(`PART #${channel}`);
    this.#settleSuspicion(channel, old.slot);
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
    if (this.#table.get(channel)?.feed.state !== refusal.as) return;
    this.#context.log.warn({ channel, state: refusal.as, reason: refusal.reason }, 'channel refused');
    this.#silence.remove(channel);
    this.#pool.remove(channel);
  }

  #tick(): void {
    const timeoutMs = this.#config.join_timeout_seconds * 1000;
    for (const { name, feed } of this.#table.overdue(timeoutMs)) {
      const on = pendingOn(feed);
      const reason = `no confirmation within ${timeoutMs / 1000} s: the channel may not exist`;
      if (on !== undefined) this.#table.apply(name, { event: 'unconfirmed', on, reason });
    }
    for (const { name } of this.#table.due()) {
      this.#table.apply(name, { event: 'due' });
      this.#enqueue(name);
    }
    for (const channel of this.#silence.suspects(this.#context.now())) this.#suspect(channel);
  }

  /** A channel fell silent against its habit: joined elsewhere first, then parted here. */
  #suspect(channel: string): void {
    const feed = this.#table.get(channel)?.feed;
    if (feed?.state !== 'joined') return;
    this.#suspected.set(channel, this.#silence.heardAtMs(channel));
    this.#context.log.debug({ channel }, 'silent against its habit: joining it on another connection');
    this.#pool.move(channel);
    this.#enqueue(channel);
  }

  /** The suspected channel has moved: was it silent, or were we not told? */
  #settleSuspicion(channel: string, old: Slot): void {
    const silentSinceMs = this.#suspected.get(channel);
    this.#pool.closeIfEmpty(old);
    if (silentSinceMs === undefined) return;
    this.#suspected.delete(channel);
    if (!this.#filler.enabled) return;
    const gap = { channel, fromMs: silentSinceMs, toMs: this.#context.now(), cause: 'ghost join' };
    this.#track(async (signal) => {
      const { outcome, filled } = await this.#filler.recover(gap, signal);
      if (filled === 0) return;
      this.#context.log.warn({ channel, filled }, 'a channel was joined but not delivered (ghost join)');
      const feed = this.#table.get(channel)?.feed;
      const on = feed && liveOn(feed);
      if (on === undefined) return;
      this.#context.coverage.lost(channel, gap.fromMs, 'joined, but the platform delivered nothing');
      const heardAtMs = () => this.#links.get(on)?.link.connection.lastHeardMs ?? 0;
      const missed = this.#context.coverage.live(channel, heardAtMs);
      await this.#context.sink.recorded(signal);
      if (missed) this.#context.coverage.closeGap(missed, outcome, filled);
    });
  }

  /** Work beside the connections, ended by abort. */
  #track(work: (signal: AbortSignal) => Promise<void>): void {
    const signal = this.#signal;
    if (!signal || signal.aborted) return;
    const running = work(signal).catch((error) => {
      if (!signal.aborted) this.#context.log.error({ err: error }, 'backfill failed');
    });
    this.#fills.add(running);
    void running.finally(() => this.#fills.delete(running));
  }
}

function channelOf(target: string | undefined): string {
  return target?.startsWith('#') ? target.slice(1) : '';
}

/** Anonymous logins: https://dev.twitch.tv/docs/irc takes `justinfan` and digits. */
function anonymousNick(random: () => number): string {
  return `justinfan${10_000 + Math.floor(random() * 89_999)}`;
}

function invalidStatus(channel: string, sinceMs: number): ChannelStatus {
  const reason = 'not a Twitch login (1 to 25 letters, digits or _)';
  return { channel, state: 'not_found', reason, sinceMs };
}
