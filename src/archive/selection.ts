/** What of the archive a command is about: platforms, channels, a stretch of time, people. Pure, and plain data. */
import { type ArchiveUser, concerns } from '../archive-query/archive-request.ts';
import type { ChatEvent } from '../event.ts';
import { decodeName } from '../segment-name.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { listSegments, type SegmentRange, type StoredSegment } from '../storage/read-segment.ts';
import { segmentSpan } from '../storage/segment-span.ts';

/** Empty lists and undefined sides leave nothing out. May be sent to another thread. */
export interface Selection {
  /** As in the lines: `twitch`, `irc-libera`. */
  platforms: readonly string[];
  /** Globs of names: `xqc`, `x*`, `#lin?x`, `twitch/xqc`. */
  channels: readonly string[];
  /** Half-open, ms since the epoch, of the lines' own time. */
  fromMs: number | undefined;
  toMs: number | undefined;
  /** Who wrote a line, or whom it happened to; any of them. */
  users: readonly ArchiveUser[];
}

export const EVERYTHING: Selection = {
  platforms: [],
  channels: [],
  fromMs: undefined,
  toMs: undefined,
  users: [],
};

/** The segments of one UTC day, in the order of their keys. */
export interface SelectedDay {
  /** Its midnight, ms since the epoch. */
  dayMs: number;
  segments: StoredSegment[];
}

const DAY_MS = 86_400_000;

/** Whether a segment can hold lines of the selection, by its name. */
export function segmentMatcher(selection: Selection): (segment: StoredSegment) => boolean {
  const { platforms, fromMs = Number.NEGATIVE_INFINITY, toMs = Number.POSITIVE_INFINITY } = selection;
  const isChannel = channelMatcher(selection.channels);
  const wanted = new Map<string, boolean>();
  return (segment) => {
    const span = segmentSpan(segment);
    if (span.toMs <= fromMs || span.fromMs >= toMs) return false;
    const { platform, channel } = segment;
    const path = `${platform}/${channel}`;
    let isWanted = wanted.get(path);
    if (isWanted === undefined) {
      const name = decodeName(platform) ?? platform;
      isWanted = (platforms.length === 0 || platforms.includes(name)) && isChannel(name, channel);
      wanted.set(path, isWanted);
    }
    return isWanted;
  };
}

/**
 * Whether a line is of the people asked for; undefined where it may be of anyone. Times are not looked at here: those who
 * cut lines know them already.
 */
export function eventMatcher({
  users,
}: Pick<Selection, 'users'>): ((event: ChatEvent) => boolean) | undefined {
  if (users.length === 0) return undefined;
  return (event) => users.some((user) => concerns(event, user));
}

/**
 * A line of the people asked for holds one of these, in upper or lower case; one that does not need not be parsed. ASCII.
 * Undefined where all have to be looked at.
 */
export function neededTexts({ users }: Pick<Selection, 'users'>): string[] | undefined {
  const texts = users.flatMap(({ id, logins }) => [...(id === undefined ? [] : [id]), ...logins]);
  // What JSON or UTF-8 write otherwise is not looked for.
  if (texts.length === 0 || texts.some((text) => !/^[\w-]+$/.test(text))) return undefined;
  return texts.map((text) => `"${text}"`);
}

/**
 * The days that have segments of the selection, in order of time. Where the selection has a beginning, each day is listed
 * when it is asked for; else all is one listing.
 */
export async function* selectedDays(
  store: ObjectStore,
  selection: Selection,
  signal: AbortSignal,
): AsyncGenerator<SelectedDay> {
  const isWanted = segmentMatcher(selection);
  let day: SelectedDay | undefined;
  for await (const segment of listSegments(store, listedRange(selection), signal)) {
    if (!isWanted(segment)) continue;
    const dayMs = Math.floor(segment.startMs / DAY_MS) * DAY_MS;
    if (day && day.dayMs !== dayMs) {
      yield day;
      day = undefined;
    }
    day ??= { dayMs, segments: [] };
    day.segments.push(segment);
  }
  if (day) yield day;
}

/** What a listing can leave out by itself. */
function listedRange({ platforms, channels, fromMs, toMs }: Selection): SegmentRange {
  const range: SegmentRange = {};
  if (fromMs !== undefined) range.fromMs = fromMs;
  if (toMs !== undefined) range.toMs = toMs - 1;
  const platform = platforms.length === 1 ? platforms[0] : undefined;
  if (platform === undefined) return range;
  const channel = channels.length === 1 ? channels[0] : undefined;
  // On Twitch a name has one spelling.
  const isExact = platform === 'twitch' && channel !== undefined && /^[a-z0-9_]+$/.test(channel);
  return { ...range, platform, ...(isExact && { channel }) };
}

/** By the decoded name, with and without `#`, and by the encoded one, which is all there is of very long names. */
function channelMatcher(globs: readonly string[]): (platform: string, encoded: string) => boolean {
  if (globs.length === 0) return () => true;
  const patterns = globs.map((glob) => ({ pattern: globPattern(glob), hasPlatform: glob.includes('/') }));
  return (platform, encoded) => {
    const decoded = decodeName(encoded) ?? encoded;
    const names = [decoded, decoded.replace(/^#/, ''), encoded];
    return patterns.some(
      ({ pattern, hasPlatform }) =>
        names.some((name) => pattern.test(name)) ||
        (hasPlatform && names.some((name) => pattern.test(`${platform}/${name}`))),
    );
  };
}

/** `*` is any text, `?` any character. */
function globPattern(glob: string): RegExp {
  const source = glob.replace(/[*?]|[^*?]+/gu, (part) =>
    part === '*' ? '.*' : part === '?' ? '.' : RegExp.escape(part),
  );
  return new RegExp(`^(?:${source})$`, 'isu');
}
