/**
 * The objects' own retention (`object_retention_days`), `forever` unless configured. An object goes when its day is past
 * that, and the index has no need of it any more: its rows are gone, and its pipelines have run.
 */
import { parquetKey } from '../../archive/compact/parquet-key.ts';
import { dayPrefix, platformDayOf } from '../../archive/manifest/manifest-key.ts';
import { listDay, removeManifests, writeManifest } from '../../archive/manifest/write-manifest.ts';
import { resolveChannels } from '../../config/resolve-channels.ts';
import type { Config } from '../../config/schema.ts';
import { decodeName } from '../../segment-name.ts';
import { readStoredDay } from '../../storage/day-sources.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { listSegments, type StoredSegment } from '../../storage/read-segment.ts';
import { isDayObject } from '../../storage/segment-span.ts';
import type { Database } from '../database/database.ts';
import type { IndexedChannel } from './due-days.ts';
import { channelRetentions, DAY_MS, dayText, retentionFloorMs, startOfDay } from './due-ranges.ts';
import { LISTED_MAX, type ObjectsReport } from './report.ts';

export interface ExpireOptions {
  database: Database;
  store: ObjectStore;
  config: Config;
  /** Of the index, after its rows went. */
  channels: readonly IndexedChannel[];
  nowMs: number;
  dryRun: boolean;
  signal: AbortSignal;
}

export async function expireObjects(options: ExpireOptions): Promise<ObjectsReport> {
  const { config, nowMs } = options;
  const report: ObjectsReport = { removed: 0, bytes: 0, waiting: 0, keys: [] };
  const endMs = latestFloorMs(config, nowMs);
  if (endMs === undefined) return report;
  const rules = rulesOf(options);
  const needed = new DaysInUse(options.database);
  for await (const segments of platformDays(options, endMs)) {
    const going: StoredSegment[] = [];
    for (const segment of segments) {
      const rule = rules(segment);
      const dayMs = startOfDay(segment.startMs);
      if (rule.objectFloorMs === undefined || dayMs >= rule.objectFloorMs) continue;
      const isNeeded = rule.floorMs === undefined || dayMs >= rule.floorMs || (await needed.has(rule, dayMs));
      if (isNeeded) report.waiting++;
      else going.push(segment);
    }
    if (!options.dryRun && going.length > 0) await removeObjects(going, segments, options);
    for (const { key, bytes } of going) {
      report.removed++;
      report.bytes += bytes;
      if (report.keys.length < LISTED_MAX) report.keys.push(key);
    }
  }
  return report;
}

/** The segments of each platform's day before a time, in the order of their keys, which is that of their dates. */
async function* platformDays(
  { store, signal }: ExpireOptions,
  endMs: number,
): AsyncGenerator<StoredSegment[]> {
  let day: StoredSegment[] = [];
  for await (const segment of listSegments(store, {}, signal)) {
    const [first] = day;
    const isOther = first && dayPrefix(platformDayOf(first)) !== dayPrefix(platformDayOf(segment));
    if (isOther) yield day;
    if (isOther) day = [];
    // What follows need not be listed.
    if (startOfDay(segment.startMs) >= endMs) break;
    day.push(segment);
  }
  if (day.length > 0) yield day;
}

/** The manifest first: what it lists without its object would be found missing. */
async function removeObjects(
  going: readonly StoredSegment[],
  segments: readonly StoredSegment[],
  options: ExpireOptions,
): Promise<void> {
  const { store, config, signal } = options;
  const day = { ...platformDayOf(going[0]!), store };
  const { generations } = await listDay(day, signal);
  if (going.length === segments.length) await removeManifests(day, signal);
  else if (generations.length > 0) {
    const without = new Set(going.map(({ key }) => key));
    await writeManifest({ ...day, by: config.instance, now: () => options.nowMs, without }, signal);
  }
  for (const segment of going) {
    if (isDayObject(segment)) await removeCompanions(segment, options);
    await removeObject(segment.key, options);
  }
}

/** What was made with a day object: its table, and what tells of its sources. */
async function removeCompanions(segment: StoredSegment, { store, signal }: ExpireOptions): Promise<void> {
  await store.remove(parquetKey(segment), signal);
  const { told, orphans } = await readStoredDay(store, segment, signal);
  const tellers = told.flatMap(({ key, teller }) => (key === segment.key ? teller : []));
  for (const key of [...tellers, ...orphans]) await store.remove(key, signal);
}

/** The ledger first: a row without its object would promise what is not there. */
async function removeObject(key: string, { database, store, signal }: ExpireOptions): Promise<void> {
  await database.transaction((session) => session.query('DELETE FROM segments WHERE object_key = $1', [key]));
  await store.remove(key, signal);
}

interface Rule {
  /** Undefined where the index has never heard of the channel. */
  channelId: number | undefined;
  pipelines: readonly string[];
  floorMs: number | undefined;
  objectFloorMs: number | undefined;
}

function rulesOf({ config, channels, nowMs }: ExpireOptions): (segment: StoredSegment) => Rule {
  const byPath = new Map(channels.map((channel) => [channel.path, channel]));
  const retentionOf = channelRetentions(config);
  const remembered = new Map<string, Rule>();
  return ({ platform, channel }) => {
    const path = `${platform}/${channel}`;
    const known = remembered.get(path);
    if (known) return known;
    const indexed = byPath.get(path);
    const retention =
      indexed ?? retentionOf(decodeName(platform) ?? platform, decodeName(channel) ?? channel);
    const rule = {
      channelId: indexed?.id,
      pipelines: retention.pipelines,
      floorMs: retentionFloorMs(retention.retentionDays, nowMs),
      objectFloorMs: retentionFloorMs(retention.objectRetentionDays, nowMs),
    };
    remembered.set(path, rule);
    return rule;
  };
}

/** The latest of all floors that objects can have; undefined where all are kept for ever. */
function latestFloorMs(config: Config, nowMs: number): number | undefined {
  const own = [...resolveChannels(config).values()]
    .flat()
    .map(({ objectRetentionDays }) => objectRetentionDays);
  const floors = [config.defaults.object_retention_days, ...own].flatMap(
    (days) => retentionFloorMs(days, nowMs) ?? [],
  );
  return floors.length === 0 ? undefined : Math.max(...floors);
}

/**
 * Which days the index still has need of, by messages that are there or by pipelines that have not run; asked once for
 * each, as their objects follow each other. An index that was lost, or is behind, has neither: its pipelines wait.
 */
class DaysInUse {
  readonly #database: Database;
  readonly #known = new Map<string, boolean>();

  constructor(database: Database) {
    this.#database = database;
  }

  async has({ channelId, pipelines }: Rule, dayMs: number): Promise<boolean> {
    if (channelId === undefined) return pipelines.length > 0;
    const key = `${channelId} ${dayMs}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const { rows } = await this.#database.transaction((session) =>
      session.query(
        `SELECT EXISTS (SELECT FROM messages WHERE channel_id = $1 AND ts >= $2 AND ts < $3)
           OR EXISTS (SELECT FROM unnest($5::text[]) AS wanted (pipeline)
                      LEFT JOIN pipeline_runs r ON r.channel_id = $1 AND r.day = $4 AND r.pipeline = wanted.pipeline
                      WHERE r.state IS DISTINCT FROM 'done') AS used`,
        [channelId, new Date(dayMs), new Date(dayMs + DAY_MS), dayText(dayMs), pipelines],
      ),
    );
    const used = rows[0]?.used === true;
    if (this.#known.size >= REMEMBERED_MAX) this.#known.clear();
    this.#known.set(key, used);
    return used;
  }
}

const REMEMBERED_MAX = 10_000;
