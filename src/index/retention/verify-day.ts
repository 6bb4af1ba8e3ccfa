/** Whether everything that the index has of a day is safe in storage: asked before its rows go. */
import { forEachConcurrently } from '../../lib/for-each-concurrently.ts';
import { objectKey, parseSegmentFile, type SegmentName, uncompressedName } from '../../segment-name.ts';
import { channelDayPrefix, type DaySource, readStoredDay } from '../../storage/day-sources.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { readSegment, storedSegment } from '../../storage/read-segment.ts';
import type { Session } from '../database/database.ts';
import { type ChannelDay, DAY_MS } from './due-ranges.ts';

/** A segment that holds lines of a day, as the ledger has it. */
export interface LedgerSegment {
  source: string;
  name: string;
  /** Of its lines, those that are in the index. */
  bytes: number;
  /** Of all its lines; undefined where they are not all in the index, neither from here nor from elsewhere. */
  linesSha256: string | undefined;
  /** Keys under which its lines are known to lie. */
  objectKeys: string[];
}

const HEADS_AT_ONCE = 4;

/** What the ledger appends to the name of a local file (`local-lookup.ts`). */
const LOCAL_HEAD = /#[0-9a-f]{16}$/;

/** The segments of the channel whose lines reach into the day. A line's time lies within the hour of its segment. */
export async function segmentsOfDay(
  session: Session,
  path: string,
  dayMs: ChannelDay['dayMs'],
): Promise<LedgerSegment[]> {
  const [platform, channel] = path.split('/');
  const { rows } = await session.query(
    `SELECT s.source, s.name, s.bytes, whole.lines_sha256 AS digest,
       ARRAY(SELECT DISTINCT o.object_key FROM segments o
             WHERE o.lines_sha256 = whole.lines_sha256 AND o.object_key IS NOT NULL) AS keys
     FROM segments s LEFT JOIN LATERAL (
       SELECT o.lines_sha256 FROM segments o
       WHERE o.platform = s.platform AND o.channel = s.channel AND o.start_ts = s.start_ts
         AND (o.name = s.name OR o.source = 'archive' AND o.name = split_part(s.name, '#', 1))
         AND o.complete AND o.bytes >= s.bytes
       ORDER BY o.source = s.source DESC LIMIT 1
     ) whole ON true
     WHERE s.platform = $1 AND s.channel = $2
       AND s.start_ts >= $3::timestamptz - interval '24 hours' AND s.start_ts < $4::timestamptz + interval '24 hours'
       AND (s.start_ts >= $3 AND s.start_ts < $4 OR s.first_ts < $4 AND s.last_ts >= $3)
     ORDER BY s.start_ts, s.name`,
    [platform, channel, new Date(dayMs), new Date(dayMs + DAY_MS)],
  );
  return rows.map((row) => ({
    source: row.source as string,
    name: row.name as string,
    bytes: row.bytes as number,
    linesSha256: (row.digest as string | null) ?? undefined,
    objectKeys: row.keys as string[],
  }));
}

/**
 * Why the day is not wholly in the index yet; undefined where it is. `isOverdue`: the indexer has had its time. It takes
 * nothing that retention has passed, so that what is not wholly indexed by then never will be.
 */
export function whyNotLoaded(
  segments: readonly LedgerSegment[],
  { hasMessages, isOverdue }: { hasMessages: boolean; isOverdue: boolean },
): string | undefined {
  const open = segments.find(({ linesSha256 }) => linesSha256 === undefined);
  if (open && !isOverdue) return `${open.name} (${open.source}) is not wholly indexed`;
  // Rows that no segment accounts for would be the last copy of themselves.
  return segments.length === 0 && hasMessages ? 'no segment of the ledger holds this day' : undefined;
}

/**
 * Why not all segments are verified in storage; undefined where they are: each as an object of its own, or as a source of a
 * day object that is there. Throws what the store throws.
 */
export async function whyNotStored(
  store: ObjectStore,
  segments: readonly LedgerSegment[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const byContent = new Map(segments.map((segment) => [segment.linesSha256 ?? segment.name, segment]));
  const missing: string[] = [];
  const days = new CompactedDays(store, signal);
  await forEachConcurrently([...byContent.values()], HEADS_AT_ONCE, async (segment) => {
    if (missing.length > 0 || (await isStored(store, segment, signal)) || (await days.hold(segment))) return;
    missing.push(segment.name);
  });
  return missing.length === 0 ? undefined : `${missing[0]} is not in storage, or not as it was recorded`;
}

async function isStored(
  store: ObjectStore,
  { name, bytes, linesSha256, objectKeys }: LedgerSegment,
  signal: AbortSignal,
): Promise<boolean> {
  const file = name.replace(LOCAL_HEAD, '');
  const ownKeys = ['', '.zst', '.gz'].flatMap((extension) => objectKey(`${file}${extension}`) ?? []);
  for (const key of new Set([...objectKeys, ...ownKeys])) {
    const head = await store.head(key, signal);
    if (!head) continue;
    if (!head.description) {
      if (linesSha256 !== undefined && (await readsBack(store, key, linesSha256, signal))) return true;
      continue;
    }
    const { linesSha256: digest, objectBytes, linesBytes } = head.description;
    if (objectBytes !== head.bytes) continue;
    // Of a segment that was never wholly indexed the ledger knows no more than its name and how far it came.
    if (linesSha256 === undefined ? linesBytes >= bytes : digest === linesSha256) return true;
  }
  return false;
}

/** What was merged into day objects, by the day; asked for once each, and only where something is not there by itself. */
class CompactedDays {
  readonly #store: ObjectStore;
  readonly #signal: AbortSignal;
  readonly #known = new Map<string, Promise<DaySource[]>>();

  constructor(store: ObjectStore, signal: AbortSignal) {
    this.#store = store;
    this.#signal = signal;
  }

  /** Whether a whole day object stands for the segment. */
  async hold({ name, bytes, linesSha256 }: LedgerSegment): Promise<boolean> {
    const ownName = name.replace(LOCAL_HEAD, '');
    const file = parseSegmentFile(ownName);
    if (!file) return false;
    const prefix = channelDayPrefix(file);
    const sources = this.#known.get(prefix) ?? this.#sources(file);
    this.#known.set(prefix, sources);
    return (await sources).some(({ key, lines_sha256, lines_bytes }) =>
      linesSha256 === undefined
        ? storedSegment(key, 0)?.ledgerName === uncompressedName(ownName) && lines_bytes >= bytes
        : lines_sha256 === linesSha256,
    );
  }

  async #sources(name: SegmentName): Promise<DaySource[]> {
    const { told } = await readStoredDay(this.#store, name, this.#signal);
    const sources: DaySource[] = [];
    for (const { key, ...day } of told) {
      if (await this.#isWhole(key)) sources.push(...day.sources, ...day.covered);
    }
    return sources;
  }

  /** Its digest may be another than when it was made: people are forgotten in it, too. */
  async #isWhole(key: string): Promise<boolean> {
    const head = await this.#store.head(key, this.#signal);
    if (!head) return false;
    if (head.description) return head.description.objectBytes === head.bytes;
    return readsBack(this.#store, key, undefined, this.#signal);
  }
}

/** For objects without a description: a store that drops metadata, or archives made by other programs. */
async function readsBack(
  store: ObjectStore,
  key: string,
  linesSha256: string | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    for await (const _ of readSegment(store, key, signal, linesSha256));
    return true;
  } catch (error) {
    if (['object_corrupt', 'object_missing'].includes((error as { code?: string }).code ?? '')) return false;
    throw error;
  }
}
