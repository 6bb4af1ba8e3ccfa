/**
 * How much lies in an archive, by channel, month and platform: from the listing, and the numbers of lines from manifests or,
 * where there are none, from the objects' metadata. Memory: a record for each channel's month, and for each day.
 */

import { Turns } from '../../lib/turns.ts';
import { decodeName } from '../../segment-name.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { StoredSegment } from '../../storage/read-segment.ts';
import { type ArchiveDay, archiveDays } from '../archive-days.ts';
import { dayText } from '../manifest/manifest-key.ts';
import { readManifest } from '../manifest/read-manifest.ts';
import { patiently } from '../patiently.ts';
import type { Selection } from '../selection.ts';
import { type Growth, SMALL_OBJECT_BYTES, type StoredAmount } from './project-cost.ts';

export interface StorageRow extends StoredAmount {
  /** `2026-11` */
  month: string;
  platform: string;
  channel: string;
  /** Lines of any kind; undefined where they were not counted. */
  messages: number | undefined;
}

export interface StorageSurvey {
  /** By platform, channel and month. */
  rows: StorageRow[];
  /** Manifests, decisions, exports, Parquet, and what is not ours. */
  other: { objects: number; bytes: number };
  /** Objects whose metadata does not tell their lines. */
  uncounted: number;
  /** What comes in a month at the present rate. */
  monthly: Growth;
}

export interface SurveyOptions {
  store: ObjectStore;
  selection: Selection;
  countsMessages: boolean;
  now: () => number;
  onObject: (bytes: number) => void;
  signal: AbortSignal;
}

const DAY_MS = 86_400_000;
const HEADS_AT_ONCE = 16;
const DAYS_AHEAD = 16;
/** The rate is that of so many days. */
const RATE_DAYS = 30;
const MONTH_DAYS = 365.25 / 12;

/** Throws what the store throws. */
export async function surveyStorage(options: SurveyOptions): Promise<StorageSurvey> {
  return new Survey(options).run();
}

class Survey {
  readonly #options: SurveyOptions;
  readonly #turns = new Turns(HEADS_AT_ONCE, Number.POSITIVE_INFINITY);
  readonly #rows = new Map<string, StorageRow>();
  readonly #days = new Map<number, StoredAmount>();
  readonly #other = { objects: 0, bytes: 0 };
  #uncounted = 0;

  constructor(options: SurveyOptions) {
    this.#options = options;
  }

  async run(): Promise<StorageSurvey> {
    const { store, selection, signal } = this.#options;
    const onOther = ({ bytes }: { bytes: number }) => {
      this.#other.objects++;
      this.#other.bytes += bytes;
    };
    const begun: Promise<void>[] = [];
    for await (const day of archiveDays({ store, selection, exportPrefixes: [], onOther, signal })) {
      const taken = this.#take(day);
      taken.catch(() => {});
      begun.push(taken);
      if (begun.length > DAYS_AHEAD) await begun.shift();
    }
    await Promise.all(begun);
    const rows = [...this.#rows.values()].toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    return { rows, other: this.#other, uncounted: this.#uncounted, monthly: this.#monthly() };
  }

  async #take(day: ArchiveDay): Promise<void> {
    const lines = this.#options.countsMessages ? await this.#linesOf(day) : undefined;
    for (const segment of day.segments) {
      this.#options.onObject(segment.bytes);
      const amount = amountOf(segment);
      const row = this.#rowOf(segment);
      add(row, amount);
      const ofDay = this.#days.get(day.day.dayMs) ?? { objects: 0, bytes: 0, billedBytes: 0 };
      add(ofDay, amount);
      this.#days.set(day.day.dayMs, ofDay);
      if (lines) row.messages = (row.messages ?? 0) + (lines.get(segment.key) ?? 0);
    }
  }

  #rowOf(segment: StoredSegment): StorageRow {
    const platform = decodeName(segment.platform) ?? segment.platform;
    const channel = decodeName(segment.channel) ?? segment.channel;
    const row: StorageRow = {
      ...{ month: dayText(segment.startMs).slice(0, 7), platform, channel },
      ...{ objects: 0, bytes: 0, billedBytes: 0, messages: undefined },
    };
    const known = this.#rows.get(keyOf(row));
    if (!known) this.#rows.set(keyOf(row), row);
    return known ?? row;
  }

  /** A manifest tells of a whole day by one request. */
  async #linesOf({ day, segments, manifests }: ArchiveDay): Promise<Map<string, number>> {
    const { store, signal } = this.#options;
    const { found } = await readManifest(store, day, manifests, signal);
    const lines = new Map<string, number>();
    const bytes = new Map(segments.map((segment) => [segment.key, segment.bytes]));
    for (const entry of found?.manifest.objects ?? [])
      if (bytes.get(entry.key) === entry.bytes) lines.set(entry.key, entry.lines);
    await Promise.all(
      segments.map(async ({ key }) => {
        if (lines.has(key)) return;
        const giveBack = await this.#turns.take(signal);
        try {
          const { description } = (await patiently(() => store.head(key, signal), signal)) ?? {};
          if (description) lines.set(key, description.lines);
          else this.#uncounted++;
        } finally {
          giveBack?.();
        }
      }),
    );
    return lines;
  }

  #monthly(): Growth {
    const { now, selection } = this.#options;
    const endMs = Math.floor(Math.min(now(), selection.toMs ?? Number.POSITIVE_INFINITY) / DAY_MS) * DAY_MS;
    const recorded = [...this.#days.keys()].filter((dayMs) => dayMs < endMs);
    const fromMs = Math.max(endMs - RATE_DAYS * DAY_MS, Math.min(...recorded));
    const sum: StoredAmount = { objects: 0, bytes: 0, billedBytes: 0 };
    for (const dayMs of recorded) if (dayMs >= fromMs) add(sum, this.#days.get(dayMs)!);
    const days = sum.objects === 0 ? 0 : (endMs - fromMs) / DAY_MS;
    const factor = days === 0 ? 0 : MONTH_DAYS / days;
    return {
      ...{
        days,
        objects: sum.objects * factor,
        bytes: sum.bytes * factor,
        billedBytes: sum.billedBytes * factor,
      },
    };
  }
}

/** Adds up rows; messages are undefined where no row has any. */
export function sumRows(rows: readonly StorageRow[]): StoredAmount & { messages: number | undefined } {
  const sum = { objects: 0, bytes: 0, billedBytes: 0, messages: undefined as number | undefined };
  for (const row of rows) {
    add(sum, row);
    if (row.messages !== undefined) sum.messages = (sum.messages ?? 0) + row.messages;
  }
  return sum;
}

function amountOf({ bytes }: StoredSegment): StoredAmount {
  return { objects: 1, bytes, billedBytes: Math.max(bytes, SMALL_OBJECT_BYTES) };
}

function add(to: StoredAmount, { objects, bytes, billedBytes }: StoredAmount): void {
  to.objects += objects;
  to.bytes += bytes;
  to.billedBytes += billedBytes;
}

function keyOf({ platform, channel, month }: Pick<StorageRow, 'platform' | 'channel' | 'month'>): string {
  return `${platform} ${channel} ${month}`;
}
