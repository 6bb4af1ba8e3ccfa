/**
 * Makes the day object of one channel and UTC day out of everything that lies there, and makes sure of it. Nothing is removed
 * here, and every step can be done again, by this process or another:
 *
 *     copied → read, each line noted → merged, compressed → proved to be the same → put, create-only → read back
 *            → what people asked for meanwhile is carried out in it → what it stands for is told beside it
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ChatlogError } from '../../lib/errors.ts';
import { objectKey, segmentFile } from '../../segment-name.ts';
import {
  type DaySource,
  type DaySources,
  putDaySources,
  readStoredDay,
  type StoredDay,
} from '../../storage/day-sources.ts';
import type { SegmentDescription } from '../../storage/object-store.ts';
import { type StoredSegment, storedSegment } from '../../storage/read-segment.ts';
import { dayGeneration, daySpan, daySuffix, isDayObject } from '../../storage/segment-span.ts';
import type { LineBatch } from '../scan/line-batch.ts';
import { type AuditedSource, DayAudit } from './audit-day.ts';
import type { ChannelDay, CompactTools, MadeDay } from './compact-tools.ts';
import { mergedDay, scannerOf } from './day-lines.ts';
import { carryOutIn, withoutForgotten } from './forget-in-day.ts';
import { madeBefore } from './made-before.ts';
import { copySources } from './source-copies.ts';
import { demandStored } from './stored-day.ts';
import { commonOrigin, writeDay } from './write-day.ts';

const ATTEMPTS_MAX = 4;
/** What somebody else did meanwhile: the day is looked at again. */
const AGAIN: ReadonlySet<string> = new Set(['object_missing', 'key_taken']);

/**
 * Undefined where nothing of the day is there. Throws `object_corrupt` where a segment is damaged, and what store and disk say.
 */
export async function makeDay(day: ChannelDay, tools: CompactTools): Promise<MadeDay | undefined> {
  const { store, signal, scratch } = tools;
  for (let attempt = 1; ; attempt++) {
    const stored = await readStoredDay(store, day, signal);
    if (stored.objects.length + stored.segments.length === 0) return undefined;
    const before = await madeBefore(stored, tools);
    if (before) return before;
    const directory = await mkdtemp(join(scratch, 'day-'));
    try {
      return await makeNew(day, stored, directory, tools);
    } catch (error) {
      const code = error instanceof ChatlogError ? error.code : '';
      if (!AGAIN.has(code) || attempt === ATTEMPTS_MAX) throw error;
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }
}

async function makeNew(
  day: ChannelDay,
  stored: StoredDay,
  directory: string,
  tools: CompactTools,
): Promise<MadeDay> {
  const { store, pool, level, signal } = tools;
  const segments = [...stored.objects, ...stored.segments];
  const step = stepsOf(tools, segments[0]!.key);
  await step('copy');
  const copies = await copySources(store, segments, directory, signal);
  await step('read');
  using audit = new DayAudit(directory, copies, signal);
  const sources: AuditedSource[] = [];
  for (const [index, copy] of copies.entries()) sources.push(await audit.addSource(copy, index));
  await step('merge');
  const scanner = scannerOf(copies, pool, signal);
  const path = join(directory, 'merged');
  const origin = commonOrigin(copies);
  const lines = counted(mergedDay(sources, daySpan(day), scanner), day, sources, tools);
  const merged = await writeDay(lines, path, { level, origin }, signal);
  await step('prove');
  await audit.demandSame(path, copies);
  const asked = await tools.decisions();
  const body = await withoutForgotten({ path, description: merged }, asked, day, directory, tools);
  const object = await putDay(day, stored, body, sources, tools);
  await step('forget');
  const isRewritten = await carryOutIn(object.segment.key, asked, day, directory, tools);
  const hasForgotten = isRewritten || body.path !== path;
  const described = isRewritten ? (await store.head(object.segment.key, signal))?.description : undefined;
  await step('tell');
  const others = sources.filter(({ segment }) => segment.key !== object.segment.key);
  if (others.length > 0)
    await putDaySources(
      store,
      object.segment,
      toldOf(object, others, stored),
      join(directory, 'told'),
      signal,
    );
  const { duplicates, unreadable, gaps } = scanner.findings;
  return {
    object: object.segment,
    description: described ?? object.description,
    isNew: object.isNew,
    sources: others.map(({ segment, summary, objectSha256 }) => ({
      segment,
      linesSha256: summary.linesSha256,
      objectSha256,
    })),
    tellers: tellersOf(stored, object.segment.key),
    ...{ duplicates, unreadable, hasForgotten },
    // What gaps say of a person was not taken out of what was read.
    gaps: hasForgotten ? undefined : gaps,
    bytesBefore: segments.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** Tells how much of the day is through. */
async function* counted(
  lines: AsyncIterable<LineBatch>,
  day: ChannelDay,
  sources: readonly AuditedSource[],
  { onMerged }: CompactTools,
): AsyncGenerator<LineBatch> {
  const sum = (of: (source: AuditedSource) => number) =>
    sources.reduce((total, source) => total + of(source), 0);
  const share =
    sum(({ objectBytes }) => objectBytes) /
    Math.max(
      1,
      sum(({ summary }) => summary.linesBytes),
    );
  for await (const batch of lines) {
    yield batch;
    onMerged?.(day, batch.bytes.length * share);
  }
}

interface PutDay {
  segment: StoredSegment;
  description: SegmentDescription;
  isNew: boolean;
}

function toldOf(
  { segment: { key }, isNew }: PutDay,
  others: readonly AuditedSource[],
  stored: StoredDay,
): DaySources {
  const merged = others.map(toldSource);
  const earlier = stored.told.flatMap((of) => (of.key === key ? [] : [...of.sources, ...of.covered]));
  // What was there before was made of something else, which is told already.
  return isNew
    ? { version: 1, key, sources: merged, covered: earlier }
    : { version: 1, key, sources: [], covered: [...merged, ...earlier] };
}

/** Puts it where nothing lies; where a day object of these lines is there already, that one is as good. */
async function putDay(
  day: ChannelDay,
  stored: StoredDay,
  { path, description }: { path: string; description: SegmentDescription },
  sources: readonly AuditedSource[],
  tools: CompactTools,
): Promise<PutDay> {
  const { store, signal } = tools;
  const step = stepsOf(tools, sources[0]!.segment.key);
  const same = sources.find(
    ({ segment, summary }) => isDayObject(segment) && summary.linesSha256 === description.linesSha256,
  );
  let key = same?.segment.key;
  if (key === undefined) {
    const generation = Math.max(0, ...stored.objects.map((object) => dayGeneration(object)!)) + 1;
    key = objectKey(segmentFile({ ...day, suffix: daySuffix(generation) }, 'zstd'))!;
    await step('put');
    if ((await store.put(key, { path, description }, signal)) === 'conflict')
      throw new ChatlogError('key_taken', `${key} was taken by somebody else who compacts the same day`, {
        retryable: true,
      });
  }
  await step('read back');
  const there = await demandStored(key, description.linesSha256, tools);
  return {
    segment: storedSegment(key, there.bytes)!,
    description: there.description ?? description,
    isNew: same === undefined,
  };
}

function toldSource({ segment: { key }, summary }: AuditedSource): DaySource {
  return { key, lines: summary.lines, lines_bytes: summary.linesBytes, lines_sha256: summary.linesSha256 };
}

/** Of all day objects but this one. */
export function tellersOf({ told, orphans }: StoredDay, key: string): string[] {
  return [...orphans, ...told.flatMap((one) => (one.key === key ? [] : one.teller))];
}

/** Tells of steps, and ends where it was stopped. */
export function stepsOf(
  { onStep, signal }: CompactTools,
  key: string,
): (step: Parameters<NonNullable<CompactTools['onStep']>>[0]) => Promise<void> {
  return async (step) => {
    signal.throwIfAborted();
    await onStep?.(step, key);
  };
}
