/**
 * Finds hours for which nothing was recorded and no gap line says why. A channel may well be silent for hours: what speaks for
 * a hole is that it was busy up to the hole's beginning and is busy again from its end on, or that of a whole platform with
 * several channels nothing was recorded at all. Pure. Memory: a record for each channel and each hour.
 */
import { encodeName } from '../../segment-name.ts';
import type { ManifestGap } from '../manifest/manifest.ts';
import type { HourLines } from './inspect-lines.ts';

export interface Hole {
  /** `twitch/xqc`, as keys have it; `twitch`: the whole platform. */
  subject: string;
  fromMs: number;
  toMs: number;
}

export interface RecordedDay {
  /** Encoded, as in names. */
  platform: string;
  /** By channel, encoded: its hours that have objects, in order of time. */
  hours: ReadonlyMap<string, readonly HourLines[]>;
  gaps: readonly ManifestGap[];
}

interface Span {
  fromMs: number;
  toMs: number;
}

interface ChannelState {
  last: HourLines | undefined;
  /** Those that may reach into hours to come. */
  gaps: Span[];
}

interface PlatformState {
  channels: Map<string, ChannelState>;
  /** The last hour in which anything was recorded, and of how many channels. */
  last: { hourMs: number; channels: number } | undefined;
  /** Holes of the whole platform. */
  told: Span[];
}

const HOUR_MS = 3_600_000;
/** With fewer lines in an hour nobody can tell silence from a hole. */
const BUSY_LINES = 20;
/** Busy up to the edge: the silence there is no longer than so many times what lies between two lines on average... */
const PAUSES_MAX = 20;
/** ...or than this. */
const EDGE_MS = 60_000;
/** So many channels that all end and begin at once have not fallen silent. */
const PLATFORM_CHANNELS_MIN = 3;

export class HoleFinder {
  readonly #platforms = new Map<string, PlatformState>();

  /** The holes that end in this day. Days of a platform come in order of time. */
  add({ platform, hours, gaps }: RecordedDay): Hole[] {
    const state = this.#stateOf(platform);
    for (const gap of gaps) stateOfChannel(state, encodeName(gap.channel)).gaps.push(spanOf(gap));
    const holes: Hole[] = platformHoles(state, hours).map((hole) => ({ subject: platform, ...hole }));
    for (const [channel, ofChannel] of hours) {
      for (const hole of channelHoles(stateOfChannel(state, channel), ofChannel))
        if (!isTold(state.told, hole)) holes.push({ subject: `${platform}/${channel}`, ...hole });
    }
    return holes.toSorted((a, b) => a.fromMs - b.fromMs || (a.subject < b.subject ? -1 : 1));
  }

  #stateOf(platform: string): PlatformState {
    let state = this.#platforms.get(platform);
    if (!state) {
      state = { channels: new Map(), last: undefined, told: [] };
      this.#platforms.set(platform, state);
    }
    return state;
  }
}

function stateOfChannel({ channels }: PlatformState, channel: string): ChannelState {
  let state = channels.get(channel);
  if (!state) {
    state = { last: undefined, gaps: [] };
    channels.set(channel, state);
  }
  return state;
}

function channelHoles(state: ChannelState, hours: readonly HourLines[]): Span[] {
  const holes: Span[] = [];
  for (const hour of hours) {
    const { last } = state;
    if (last && isHole(last, hour, state.gaps))
      holes.push({ fromMs: last.hourMs + HOUR_MS, toMs: hour.hourMs });
    state.last = hour;
    state.gaps = state.gaps.filter(({ toMs }) => toMs > hour.hourMs + HOUR_MS);
  }
  return holes;
}

/** Whether the hours between two recorded ones were lost rather than silent. */
function isHole(before: HourLines, after: HourLines, gaps: readonly Span[]): boolean {
  const hole = { fromMs: before.hourMs + HOUR_MS, toMs: after.hourMs };
  if (hole.fromMs >= hole.toMs || gaps.some((gap) => overlap(gap, hole))) return false;
  return isBusyTo(before, hole.fromMs - before.lastMs) && isBusyTo(after, after.firstMs - hole.toMs);
}

function isBusyTo({ lines, firstMs, lastMs }: HourLines, silenceMs: number): boolean {
  const pauseMs = (lastMs - firstMs) / Math.max(1, lines - 1);
  return lines >= BUSY_LINES && silenceMs <= Math.max(EDGE_MS, PAUSES_MAX * pauseMs);
}

/** Hours without any channel, between hours with several, that no channel's gap speaks of. */
function platformHoles(state: PlatformState, hours: RecordedDay['hours']): Span[] {
  const recorded = new Map<number, number>();
  for (const { hourMs } of [...hours.values()].flat()) recorded.set(hourMs, (recorded.get(hourMs) ?? 0) + 1);
  const gaps = [...state.channels.values()].flatMap((channel) => channel.gaps);
  const holes: Span[] = [];
  for (const [hourMs, channels] of [...recorded].toSorted(([a], [b]) => a - b)) {
    const { last } = state;
    state.last = { hourMs, channels };
    if (!last || Math.min(last.channels, channels) < PLATFORM_CHANNELS_MIN) continue;
    const hole = { fromMs: last.hourMs + HOUR_MS, toMs: hourMs };
    if (hole.fromMs < hole.toMs && !gaps.some((gap) => overlap(gap, hole))) holes.push(hole);
  }
  state.told.push(...holes);
  return holes;
}

/** Whether the platform's own hole is the reason. */
function isTold(told: readonly Span[], hole: Span): boolean {
  return told.some(({ fromMs, toMs }) => hole.fromMs <= fromMs && hole.toMs >= toMs);
}

function overlap(a: Span, b: Span): boolean {
  return a.fromMs < b.toMs && a.toMs > b.fromMs;
}

function spanOf({ timestamp, until }: ManifestGap): Span {
  return { fromMs: Date.parse(timestamp), toMs: Date.parse(until) };
}

/** `2026-11-21 03:00-05:00`, `2026-11-21 22:00 - 2026-11-22 03:00` */
export function holeText({ fromMs, toMs }: Pick<Hole, 'fromMs' | 'toMs'>): string {
  const [from, to] = [fromMs, toMs].map((ms) => new Date(ms).toISOString().slice(0, 16).replace('T', ' '));
  // Midnight is the end of the day, too.
  const isOneDay = from!.slice(0, 10) === new Date(toMs - 1).toISOString().slice(0, 10);
  return isOneDay ? `${from}-${to!.slice(11) === '00:00' ? '24:00' : to!.slice(11)}` : `${from} - ${to}`;
}
