/** What an export goes through: day by day, on each day channel by channel, so that each is in order of time. */
import type { ArchiveUser } from '../../archive-query/archive-request.ts';
import { indexBoundaryMs } from '../../archive-query/index-boundary.ts';
import { findKnownUser, type LogReader, parseNamed, readerOf } from '../../archive-query/log-reader.ts';
import type { Session } from '../../index/database/database.ts';
import { allLogChannels, type LogChannel } from '../../index/queries/log-channels.ts';
import { dayOfText, startOfDay } from '../../index/retention/due-ranges.ts';
import type { ApiContext } from '../api-context.ts';
import { isChannelVisible } from '../visibility.ts';

export interface ExportFilter {
  channel?: string | undefined;
  platform?: string | undefined;
  /** A name, or `id:` and an id. */
  user?: string | undefined;
}

export interface ExportedChannel {
  channel: LogChannel;
  user: LogReader | undefined;
  /** Before it the archive answers. */
  boundaryMs: number;
  /** UTC days that the index has lines of, ms since the epoch, rising. */
  days: number[];
}

const DAY_MS = 86_400_000;

/** Channels that were asked for, without those that opted out, and without those where the user was never seen. */
export async function exportedChannels(
  session: Session,
  context: ApiContext,
  filter: ExportFilter,
): Promise<ExportedChannel[]> {
  const exported: ExportedChannel[] = [];
  for (const channel of await allLogChannels(session)) {
    if (!isAskedFor(channel, filter)) continue;
    if (!isChannelVisible(context.privacy, channel.platform, channel.name)) continue;
    const boundaryMs = await indexBoundaryMs(session, channel, context.config(), context.now());
    const user = filter.user === undefined ? undefined : await userOf(session, channel.platform, filter.user);
    if (user && isUserOptedOut(context, channel.platform, user.archived)) continue;
    exported.push({ channel, user, boundaryMs, days: await daysOf(session, channel.ids, boundaryMs) });
  }
  return exported;
}

function isAskedFor({ platform, name }: LogChannel, filter: ExportFilter): boolean {
  if (filter.platform !== undefined && filter.platform !== platform) return false;
  const bare = (text: string) => text.replace(/^#/, '').toLowerCase();
  return filter.channel === undefined || bare(filter.channel) === bare(name);
}

async function userOf(session: Session, platform: string, text: string): Promise<LogReader> {
  const named = parseNamed(text);
  return readerOf(await findKnownUser(session, platform, named), named);
}

function isUserOptedOut({ privacy }: ApiContext, platform: string, { id, logins }: ArchiveUser): boolean {
  const keys = id === undefined ? logins.map((login) => `~${login}`) : [id];
  return keys.some((key) => privacy.isUserOptedOut(platform, key));
}

async function daysOf(
  session: Session,
  channelIds: readonly number[],
  boundaryMs: number,
): Promise<number[]> {
  const { rows } = await session.query(
    'SELECT DISTINCT day FROM daily_stats WHERE channel_id = ANY ($1::int[]) ORDER BY day',
    [channelIds],
  );
  return rows.map(({ day }) => dayOfText(day as string)).filter((day) => day + DAY_MS > boundaryMs);
}

/**
 * The days to look at, each with its channels. `archiveStartMs`: when the archive begins; undefined where it is empty.
 */
export function* exportedDays(
  channels: readonly ExportedChannel[],
  { fromMs, toMs }: { fromMs: number; toMs: number },
  archiveStartMs: number | undefined,
): Generator<{ dayMs: number; channels: ExportedChannel[] }> {
  const days = new Map<number, ExportedChannel[]>();
  for (const channel of channels) {
    for (const day of daysOfExport(channel, fromMs, toMs, archiveStartMs)) {
      const others = days.get(day);
      if (others) others.push(channel);
      else days.set(day, [channel]);
    }
  }
  for (const [dayMs, ofDay] of [...days].sort(([a], [b]) => a - b)) yield { dayMs, channels: ofDay };
}

function daysOfExport(
  { days, boundaryMs }: ExportedChannel,
  fromMs: number,
  toMs: number,
  archiveStartMs: number | undefined,
): Set<number> {
  const wanted = new Set(days.filter((day) => day + DAY_MS > fromMs && day < toMs));
  if (archiveStartMs === undefined) return wanted;
  const end = Math.min(boundaryMs, toMs);
  for (let day = startOfDay(Math.max(fromMs, archiveStartMs)); day < end; day += DAY_MS) wanted.add(day);
  return wanted;
}
