/**
 * What a day object stands for: the segments that were merged into it, with the digests that their lines had. Told by a
 * small object beside it, whose name begins with an underscore so that engines pass over it:
 *
 *     2026/11/21/twitch/xqc/twitch_xqc_20261121_0000-day.jsonl.zst
 *     2026/11/21/twitch/xqc/_day.sources-3f9a03c41d2e5b60.json      named by its own content: written once, by whoever, as often as they like
 *
 * It is written when the day object is verified in storage and before any source is removed, so that whoever knows a
 * segment by name or digest (the index's ledger, retention) finds where its lines are. It counts only beside its object.
 */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { RECORD_FORMAT_VERSION } from '../event.ts';
import { ChatlogError } from '../lib/errors.ts';
import { objectKey, type SegmentName, segmentFile } from '../segment-name.ts';
import { collectBytes } from './collect-bytes.ts';
import type { ObjectStore } from './object-store.ts';
import { type StoredSegment, storedSegment } from './read-segment.ts';
import { dayGeneration, daySuffix } from './segment-span.ts';

const count = z.number().int().nonnegative();

const sourceSchema = z.object({
  key: z.string(),
  lines: count,
  lines_bytes: count,
  lines_sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

const daySourcesSchema = z.object({
  version: z.literal(1),
  /** Of the day object. */
  key: z.string(),
  /** What it was made of: every line of it came from one of these. Empty where that is told elsewhere. */
  sources: z.array(sourceSchema),
  /** What else it stands for: sources of day objects among its sources, and segments that held nothing that it had not. */
  covered: z.array(sourceSchema),
});

export type DaySource = z.output<typeof sourceSchema>;
export type DaySources = z.output<typeof daySourcesSchema>;

/** Of one channel and UTC day, as storage has it. */
export interface StoredDay {
  /** Day objects that are there. */
  objects: StoredSegment[];
  /** All other segments that are there. */
  segments: StoredSegment[];
  /** What each of these day objects stands for, as far as it is told and can be read, and the key where it is. */
  told: (DaySources & { teller: string })[];
  /** Keys of what tells of day objects that are gone. */
  orphans: string[];
}

const TELLER = /^_day(?:-([2-9]|[1-9]\d{1,8}))?\.sources-[0-9a-f]{16}\.json$/;

/** `2026/11/21/twitch/xqc/`: where everything of one channel and UTC day lies. */
export function channelDayPrefix(name: Pick<SegmentName, 'platform' | 'channel' | 'startMs'>): string {
  const key = objectKey(segmentFile({ ...name, suffix: '' }, 'none'))!;
  return key.slice(0, key.lastIndexOf('/') + 1);
}

/** Whether a key is one of those that tell what a day object stands for. */
export function isDaySourcesKey(key: string): boolean {
  return TELLER.test(key.slice(key.lastIndexOf('/') + 1));
}

/** @param name of a day object */
export function daySourcesKey(name: SegmentName, text: string): string {
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return `${channelDayPrefix(name)}_${daySuffix(dayGeneration(name)!).slice(1)}.sources-${digest}.json`;
}

export function daySourcesText(told: DaySources): string {
  return `${JSON.stringify(told)}\n`;
}

/** One listing and one small object for each day object. Throws what the store throws. */
export async function readStoredDay(
  store: Pick<ObjectStore, 'list' | 'get'>,
  name: Pick<SegmentName, 'platform' | 'channel' | 'startMs'>,
  signal: AbortSignal,
): Promise<StoredDay> {
  const day: StoredDay = { objects: [], segments: [], told: [], orphans: [] };
  const tellers: string[] = [];
  for await (const { key, bytes } of store.list(channelDayPrefix(name), signal)) {
    if (isDaySourcesKey(key)) tellers.push(key);
    const segment = storedSegment(key, bytes);
    if (segment) (dayGeneration(segment) === undefined ? day.segments : day.objects).push(segment);
  }
  const present = new Set(day.objects.map(({ key }) => key));
  for (const teller of tellers) {
    const told = present.size === 0 ? undefined : await readDaySources(store, teller, signal);
    if (told && present.has(told.key)) day.told.push({ ...told, teller });
    else day.orphans.push(teller);
  }
  return day;
}

/** Undefined where it went away, or is nothing that can be read. */
async function readDaySources(
  store: Pick<ObjectStore, 'get'>,
  key: string,
  signal: AbortSignal,
): Promise<DaySources | undefined> {
  try {
    const text = (await collectBytes(store.get(key, signal))).toString('utf8');
    return daySourcesSchema.safeParse(JSON.parse(text)).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    if (error instanceof ChatlogError && error.code === 'object_missing') return undefined;
    throw error;
  }
}

/** Writes it; that it is there already is as good. @param path of a file to be made for it */
export async function putDaySources(
  store: Pick<ObjectStore, 'put'>,
  name: SegmentName,
  told: DaySources,
  path: string,
  signal: AbortSignal,
): Promise<string> {
  const text = daySourcesText(told);
  const key = daySourcesKey(name, text);
  const bytes = Buffer.from(text);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await writeFile(path, bytes);
  const description = {
    ...{ linesSha256: sha256, objectSha256: sha256, linesBytes: bytes.length, objectBytes: bytes.length },
    ...{
      lines: 1,
      firstTimestamp: '',
      lastTimestamp: '',
      formatVersion: RECORD_FORMAT_VERSION,
      instance: '',
    },
  };
  const outcome = await store.put(key, { path, description }, signal);
  if (outcome === 'conflict')
    throw new ChatlogError('key_taken', `${key} holds something else than it is named by`, {
      hint: 'Look at it; if it is damaged, remove it.',
    });
  return key;
}
