import type { Decision } from '../../privacy/decision.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { FormatName } from '../formats/formats.ts';
import type { Findings } from '../scan/scanner.ts';
import type { WorkerPool } from '../scan/worker-pool.ts';
import type { Selection } from '../selection.ts';
import type { Survey } from '../survey.ts';
import type { FileCompression } from './line-encoder.ts';

/** What every way of pulling is told. */
export interface PullOptions {
  store: ObjectStore;
  pool: WorkerPool;
  selection: Selection;
  survey: Survey;
  /** What the pool's threads heed, too. */
  decisions: readonly Decision[];
  format: FormatName;
  compress: FileCompression;
  /** Files that are not ours are overwritten. */
  isForced: boolean;
  /** A damaged or missing object is an error. */
  isStrict: boolean;
  signal: AbortSignal;
  /** So many stored bytes of objects have come, or need not. */
  onBytes(bytes: number): void;
  /** So many objects have been read, or need not be. */
  onObjects(objects: number): void;
  /** For people, while it works. */
  say(text: string): void;
}

/** Of this run, but for `lines` and `bytes`, which are those of the whole file where one was gone on with. */
export interface PullResult {
  /** Written. */
  lines: number;
  bytes: number;
  files: number;
  /** Files that were complete already, of the same sources. */
  filesKept: number;
  /** Files that are there and not ours. */
  filesRefused: string[];
  findings: Findings;
}
