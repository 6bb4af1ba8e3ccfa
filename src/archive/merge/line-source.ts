/** A sequence of batches in order of time, each line once. */
import type { LineBatch } from '../scan/line-batch.ts';

export interface LineSource {
  /** Undefined at the end. Rejects where it cannot be read, or was closed. */
  next(): Promise<LineBatch | undefined>;
  /** Ends it early; to be called in any case. */
  close(): void;
}

/** A source that is not begun before it is needed. */
export interface PlannedSource {
  /** Of its lines; undefined where they are of several. */
  platform: string | undefined;
  /** In this order already, each line once. */
  isMerged?: boolean | undefined;
  /** It holds no line before this, ms since the epoch. */
  fromMs: number;
  /** What it takes of memory from when it is begun to when it is closed, about. */
  heldBytes: number;
  open(): LineSource;
}
