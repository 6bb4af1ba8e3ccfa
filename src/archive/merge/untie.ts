/** Lines of one millisecond: put in order, and each once. */
import { type LineBatch, lineAt } from '../scan/line-batch.ts';
import { lineFacts, repeatKey } from '../scan/line-facts.ts';
import type { Origin } from './merger.ts';

export interface TiedLine {
  origin: Origin;
  batch: LineBatch;
  at: number;
}

interface KeyedLine extends TiedLine {
  receivedMs: number;
  key: string;
}

/** Those that stay, in their order. */
export function untie(lines: readonly TiedLine[]): TiedLine[] {
  const sorted = keyed(lines).sort(compareTied);
  const seen = new Set<string>();
  return sorted.filter(({ origin: { platform }, key }) => {
    const identity = `${key} ${platform}`;
    if (seen.has(identity)) return false;
    seen.add(identity);
    return true;
  });
}

function keyed(lines: readonly TiedLine[]): KeyedLine[] {
  const repeats = new Map<Origin, Map<string, number>>();
  return lines.map(({ origin, batch, at }) => {
    const { bytes, offsets, times } = batch;
    const { platform } = origin;
    const facts = lineFacts(bytes, offsets[at]!, offsets[at + 1]! - 1, platform);
    const receivedMs = facts.receivedMs ?? times[at]!;
    if (facts.key !== '') return { origin, batch, at, receivedMs, key: facts.key };
    const line = lineAt(batch, at);
    const counts = repeats.get(origin) ?? new Map<string, number>();
    repeats.set(origin, counts);
    const before = counts.get(line.toString('latin1')) ?? 0;
    counts.set(line.toString('latin1'), before + 1);
    return { origin, batch, at, receivedMs, key: repeatKey(line, platform, before) };
  });
}

function compareTied(a: KeyedLine, b: KeyedLine): number {
  if (a.receivedMs !== b.receivedMs) return a.receivedMs - b.receivedMs;
  if (a.key !== b.key) return a.key < b.key ? -1 : 1;
  return Buffer.compare(lineAt(a.batch, a.at), lineAt(b.batch, b.at));
}
