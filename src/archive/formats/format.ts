/**
 * What lines are written as. A format turns batches of lines, which come in order of time and each once, into the bytes of
 * one file.
 *
 * `FORMATS` in `formats.ts` names them all; each is loaded when it is asked for.
 */
import type { LineBatch } from '../scan/line-batch.ts';

/** What does not change from line to line. May be sent to another thread. */
export interface FormatOptions {
  /** Of the file's lines: `twitch/xqc`, or `12 channels`. For headings. */
  title: string;
  /** Half-open; undefined where a side is open. For headings. */
  fromMs: number | undefined;
  toMs: number | undefined;
  /** The lines are of several channels: each has to say of which it is. */
  hasManyChannels: boolean;
}

/**
 * Where what a batch becomes depends on nothing before it: batches are converted in any order and in several threads, and
 * the results written in order. A file broken off goes on behind any batch.
 */
export interface PlainFormat {
  readonly kind: 'plain';
  /** With its dot: `.csv`. */
  readonly extension: string;
  /** What the file begins with. */
  header(options: FormatOptions): Buffer;
  /** Whole lines of output for the lines of the batch, which may share its memory. Never throws, whatever the lines are. */
  convert(batch: LineBatch, options: FormatOptions): Uint8Array<ArrayBuffer>;
  /** What the file ends with. */
  footer(options: FormatOptions): Buffer;
}

/** Where a file remembers what it holds (Parquet's row groups): one writer writes it from its beginning to its end. */
export interface StatefulFormat {
  readonly kind: 'stateful';
  readonly extension: string;
  /** Already compressed: `--compress` does not go with it. */
  readonly isCompressed: boolean;
  open(options: FormatOptions): FormatWriter;
}

export interface FormatWriter {
  /** What there is to write now; empty where it is kept for later. */
  write(batch: LineBatch): Promise<Uint8Array> | Uint8Array;
  /** The rest. Nothing is written after it. */
  end(): Promise<Uint8Array> | Uint8Array;
}

export type LineFormat = PlainFormat | StatefulFormat;
