/** From segments to the bytes of one file. */
import type { FormatOptions } from '../formats/format.ts';
import { mergedLines } from '../merge/merged-lines.ts';
import { MERGE_LIMITS } from '../merge/plan-sources.ts';
import { type Findings, Scanner } from '../scan/scanner.ts';
import type { SelectedDay } from '../selection.ts';
import { type Encoded, encodeLines } from './line-encoder.ts';
import type { PullOptions } from './pull-options.ts';
import { linesFrom, recut } from './recut.ts';

export interface PulledLines {
  days: AsyncIterable<SelectedDay> | Iterable<SelectedDay>;
  title: string;
  hasManyChannels: boolean;
  /** Where a file is gone on with: lines before this are in it. */
  fromMs?: number | undefined;
}

/** Lines that are converted and written together. */
const PIECE_BYTES = 2 * 1024 * 1024;

export function scannerOf({ store, pool, selection, isStrict, signal, ...on }: PullOptions): Scanner {
  const onObject = () => on.onObjects(1);
  return new Scanner({ store, pool, selection, isStrict, signal, onFetched: on.onBytes, onObject });
}

/** @param share of memory that this file may take, where several are written at a time: 1 = all */
export function pulledBytes(
  options: PullOptions,
  { days, title, hasManyChannels, fromMs }: PulledLines,
  scanner: Scanner,
  share = 1,
): AsyncGenerator<Encoded> {
  const { format, compress, selection, pool } = options;
  const limits = { ...MERGE_LIMITS, aheadBytes: MERGE_LIMITS.aheadBytes * share };
  const lines = mergedLines(days, scanner, limits);
  const wanted = fromMs === undefined ? lines : linesFrom(lines, fromMs);
  const described: FormatOptions = {
    ...{ title, hasManyChannels },
    ...{ fromMs: selection.fromMs, toMs: selection.toMs },
  };
  const encoding = { format, compress, options: described };
  return encodeLines(recut(wanted, PIECE_BYTES), encoding, pool, fromMs !== undefined);
}

/** Whether every object could be read to its end. */
export function isWhole({ damaged, missing }: Pick<Findings, 'damaged' | 'missing'>): boolean {
  return damaged.length + missing.length === 0;
}

/** What several scanners found, as one. */
export function addFindings(to: Findings, from: Findings): void {
  for (const name of ['lines', 'linesBytes', 'unreadable', 'misplaced', 'duplicates'] as const)
    to[name] += from[name];
  to.gaps.push(...from.gaps);
  to.damaged.push(...from.damaged);
  to.missing.push(...from.missing);
}
