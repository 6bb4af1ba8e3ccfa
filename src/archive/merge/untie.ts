/** Lines of one millisecond: put in order, and each once. */
import { type LineBatch, lineAt } from '../scan/line-batch.ts';
import { lineFacts, lineTime, parsedLine, repeatKey } from '../scan/line-facts.ts';
import type { Origin } from './merger.ts';

export interface TiedLine {
  origin: Origin;
  batch: LineBatch;
  at: number;
}

interface KeyedLine extends TiedLine {
  /** Where it stands: when it was received, or its time; what tells no time comes last, so that it stays behind these. */
  orderMs: number;
  /** Undefined where it does not say. */
  receivedMs: number | undefined;
  /** As the line says; '' where it is no event. */
  platform: string;
  key: string;
}

/** Those that stay, in their order. */
export function untie(lines: readonly TiedLine[]): TiedLine[] {
  const kept = new Map<string, KeyedLine>();
  for (const line of keyed(lines)) {
    const identity = `${line.key} ${line.platform}`;
    const other = kept.get(identity);
    if (!other || isEarlierCopy(line, other)) kept.set(identity, line);
  }
  return [...kept.values()].sort(compareTied);
}

function keyed(lines: readonly TiedLine[]): KeyedLine[] {
  const repeats = new Map<Origin, Map<string, number>>();
  return lines.map(({ origin, batch, at }) => {
    const { bytes, offsets, times } = batch;
    let platform = origin.platform ?? platformOf(batch, at);
    const [start, end] = [offsets[at]!, offsets[at + 1]! - 1];
    const { receivedMs, key } = lineFacts(bytes, start, end, platform);
    const isTimed = receivedMs !== undefined || !Number.isNaN(lineTime(bytes, start, end));
    const orderMs = isTimed ? (receivedMs ?? times[at]!) : Number.POSITIVE_INFINITY;
    const place = { origin, batch, at, orderMs, receivedMs };
    if (key !== '') return { ...place, platform, key };
    // Whatever it came with: in a stretch of several platforms it stands as in an object of one.
    platform = platformOf(batch, at);
    const line = lineAt(batch, at);
    const counts = repeats.get(origin) ?? new Map<string, number>();
    repeats.set(origin, counts);
    const before = counts.get(line.toString('latin1')) ?? 0;
    counts.set(line.toString('latin1'), before + 1);
    return { ...place, platform, key: repeatKey(line, platform, before) };
  });
}

function platformOf({ bytes, offsets }: LineBatch, at: number): string {
  const platform: unknown = parsedLine(bytes, offsets[at]!, offsets[at + 1]! - 1)?.platform;
  return typeof platform === 'string' ? platform : '';
}

function compareTied(a: KeyedLine, b: KeyedLine): number {
  if (a.orderMs !== b.orderMs) return a.orderMs - b.orderMs;
  if (a.key !== b.key) return a.key < b.key ? -1 : 1;
  return compareBytes(a, b);
}

/** As the index decides (`earlier-copies.ts`): live before backfill, what was received first, else the smaller line. */
function isEarlierCopy(a: KeyedLine, b: KeyedLine): boolean {
  const [sourceA, sourceB] = [sourceOf(a), sourceOf(b)];
  if (sourceA !== sourceB) return sourceA < sourceB;
  const [receivedA, receivedB] = [a.receivedMs ?? Number.MAX_VALUE, b.receivedMs ?? Number.MAX_VALUE];
  return receivedA === receivedB ? compareBytes(a, b) < 0 : receivedA < receivedB;
}

const SOURCE_MARK = '"source":"';

/** '' for what was heard live, which is nearly everything. */
function sourceOf({ batch, at }: KeyedLine): string {
  if (!lineAt(batch, at).includes(SOURCE_MARK)) return '';
  return parsedLine(batch.bytes, batch.offsets[at]!, batch.offsets[at + 1]! - 1)?.source ?? '';
}

function compareBytes(a: TiedLine, b: TiedLine): number {
  return Buffer.compare(lineAt(a.batch, a.at), lineAt(b.batch, b.at));
}
