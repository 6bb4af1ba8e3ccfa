/**
 * One file of `open/`: appended to by this process alone, in the order of arrival.
 *
 * Lines wait in memory (`pending`) until {@link OpenSegment.commit} appends them and one fdatasync covers them; only
 * then they count as recorded. `goodBytes` is where the recorded part ends. A write that fails, or falls short,
 * leaves bytes behind it: they are cut off before anything else is appended, so that no line is torn or fused.
 *
 * Failures: `commit` returns what happened and keeps the lines. `full` (ENOSPC, EDQUOT, EFBIG, EMFILE, ENFILE,
 * EROFS): try again later. `broken` (EIO and anything else): after a failed fsync a later one lies, so the file is given up
 * at `goodBytes` and the lines are to be written elsewhere.
 */
import type { FileHandle } from 'node:fs/promises';
import { systemErrorCode } from '../lib/system-error.ts';
import type { SegmentFileSystem } from './segment-file-system.ts';
import type { SegmentWindow } from './segment-window.ts';

export type CommitOutcome = { ok: true } | { ok: false; kind: 'full' | 'broken'; error: unknown };

/** Lines waiting for their commit. */
export interface PendingLines {
  text: string;
  lines: number;
  /** What they count for in the channel's bound. */
  heldBytes: number;
  /** Sequence number of the first of them. */
  firstSequence: number;
}

const RETRY_LATER = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'EMFILE', 'ENFILE', 'ENOMEM', 'EROFS']);

export class OpenSegment {
  readonly file: string;
  readonly path: string;
  readonly window: SegmentWindow;
  readonly #fs: SegmentFileSystem;
  #handle: FileHandle | undefined;
  #exists = false;
  #tornBytes = false;
  #goodBytes = 0;
  #lines = 0;
  /** Monotonic time of the last line. */
  lastLineMs: number;
  pending: PendingLines = noLines();
  #writing: PendingLines | undefined;

  constructor(file: string, path: string, window: SegmentWindow, fs: SegmentFileSystem, monotonicMs: number) {
    this.file = file;
    this.path = path;
    this.window = window;
    this.#fs = fs;
    this.lastLineMs = monotonicMs;
  }

  /** Bytes recorded and waiting (the latter counted as characters). */
  get bytes(): number {
    return this.#goodBytes + this.pending.text.length;
  }

  get goodBytes(): number {
    return this.#goodBytes;
  }

  /** Lines recorded. */
  get lines(): number {
    return this.#lines;
  }

  get isOpen(): boolean {
    return this.#handle !== undefined;
  }

  /** Whether the file was made: its directory needs an fsync before its lines count as recorded. */
  get exists(): boolean {
    return this.#exists;
  }

  add(line: string, heldBytes: number, sequence: number, monotonicMs: number): void {
    const { pending } = this;
    if (pending.lines === 0) pending.firstSequence = sequence;
    pending.text += line;
    pending.lines++;
    pending.heldBytes += heldBytes;
    this.lastLineMs = monotonicMs;
  }

  /** Lines that were given up elsewhere. */
  adopt(lines: PendingLines): void {
    const own = this.pending;
    this.pending = {
      text: lines.text + own.text,
      lines: lines.lines + own.lines,
      heldBytes: lines.heldBytes + own.heldBytes,
      firstSequence: Math.min(lines.firstSequence, own.firstSequence),
    };
  }

  /** Sequence number of the oldest line that is not recorded; Infinity where all are. */
  get oldestSequence(): number {
    return Math.min(this.#writing?.firstSequence ?? Infinity, this.pending.firstSequence);
  }

  /**
   * Appends what waits and syncs it. The lines leave `pending` on success only: {@link settle} is called by the
   * recorder once the directory is synced too. Not to be called again before it returned.
   */
  async commit(): Promise<CommitOutcome> {
    const writing = this.pending;
    this.pending = noLines();
    this.#writing = writing;
    try {
      const handle = await this.#ready();
      const buffer = Buffer.from(writing.text, 'utf8');
      this.#tornBytes = true;
      for (let written = 0; written < buffer.length; ) {
        const { bytesWritten } = await handle.write(
          buffer,
          written,
          buffer.length - written,
          this.#goodBytes + written,
        );
        if (bytesWritten === 0) throw Object.assign(new Error('the disk took no bytes'), { code: 'ENOSPC' });
        written += bytesWritten;
      }
      await handle.datasync();
      this.#tornBytes = false;
      this.#goodBytes += buffer.length;
      this.#lines += writing.lines;
      return { ok: true };
    } catch (error) {
      this.#writing = undefined;
      this.adopt(writing);
      const code = systemErrorCode(error) ?? '';
      return { ok: false, kind: RETRY_LATER.has(code) ? 'full' : 'broken', error };
    }
  }

  /** The lines of the last successful commit, which from now on are recorded. */
  settle(): PendingLines {
    const settled = this.#writing ?? noLines();
    this.#writing = undefined;
    return settled;
  }

  /** Closes the file; it is opened again when needed. Nothing is lost: what was not committed still waits. */
  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  /**
   * Gives the file up: cut to its recorded part if the disk allows it (else whoever reads it next stops at
   * {@link goodBytes}), and closed. Returns the lines to be written elsewhere.
   */
  async abandon(): Promise<PendingLines> {
    const lines = this.pending;
    this.pending = noLines();
    try {
      if (this.#exists) await (await this.#ready()).datasync();
    } catch {
      // The disk refuses this file; that is known already.
    }
    try {
      await this.close();
    } catch {
      // Closing reports the same fault once more.
    }
    return lines;
  }

  /** The open file, cut to its recorded part where a failed write left more. */
  async #ready(): Promise<FileHandle> {
    if (!this.#handle) {
      this.#handle = await this.#fs.open(this.path, this.#exists ? 'r+' : 'wx');
      this.#exists = true;
    }
    if (this.#tornBytes) {
      await this.#handle.truncate(this.#goodBytes);
      this.#tornBytes = false;
    }
    return this.#handle;
  }
}

function noLines(): PendingLines {
  return { text: '', lines: 0, heldBytes: 0, firstSequence: Infinity };
}
