/** Where `chatlog pull` writes to, in which form: what the options say, and what they leave open. */
import { statSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import type { FormatName } from '../archive/formats/formats.ts';
import type { FileCompression } from '../archive/pull/line-encoder.ts';
import { escapeControl } from '../lib/escape-control.ts';

export interface TargetOptions {
  output?: string;
  format?: FormatName;
  compress?: FileCompression;
}

export interface PullTarget {
  kind: 'directory' | 'file' | 'stdout';
  /** Absolute; '' for standard output. */
  path: string;
  format: FormatName;
  compress: FileCompression;
}

const BY_EXTENSION: Readonly<Record<string, FormatName>> = {
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.json': 'jsonl',
  '.csv': 'csv',
  '.txt': 'text',
  '.log': 'raw',
  '.raw': 'raw',
  '.html': 'html',
  '.htm': 'html',
  '.parquet': 'parquet',
};
const COMPRESSED: Readonly<Record<string, FileCompression>> = { '.zst': 'zstd', '.gz': 'gzip' };
export const COMPRESSIONS = ['zstd', 'gzip', 'none'] as const;

/** All that is wrong with the options, or what they mean. */
export function pullTarget(
  { output, format, compress }: TargetOptions,
  isTerminal: boolean,
): PullTarget | { problems: string[] } {
  if (output === undefined && isTerminal)
    return { problems: ['Where to? --output DIR, --output FILE, or --output - for this terminal.'] };
  if (output === '') return { problems: ['--output should be a folder, a file or -, found ""'] };
  const place = output === undefined || output === '-' ? undefined : output;
  const kind = place === undefined ? 'stdout' : isFolder(place) ? 'directory' : 'file';
  const named = kind === 'file' ? byName(place!) : {};
  const chosen = {
    format: format ?? named.format ?? 'jsonl',
    compress: compress ?? named.compress ?? 'none',
  };
  const problems: string[] = [];
  if (chosen.format === 'parquet' && chosen.compress !== 'none')
    problems.push('--compress does not go with parquet, which is compressed in itself');
  const isBinary = chosen.format === 'parquet' || chosen.compress !== 'none';
  if (kind === 'stdout' && isTerminal && isBinary)
    problems.push(
      `${chosen.format === 'parquet' ? 'Parquet' : `--compress ${chosen.compress}`} is nothing for a terminal: --output FILE`,
    );
  if (problems.length > 0) return { problems };
  return { kind, path: place === undefined ? '' : resolve(place), ...chosen };
}

/** What is there tells; else a name with an extension is a file's. */
function isFolder(place: string): boolean {
  const info = statSync(place, { throwIfNoEntry: false });
  if (info) return info.isDirectory();
  return /[/\\]$/.test(place) || extname(place) === '';
}

function byName(place: string): { format?: FormatName; compress?: FileCompression } {
  const compress = COMPRESSED[extname(place).toLowerCase()];
  const rest = compress ? place.slice(0, -extname(place).length) : place;
  const format = BY_EXTENSION[extname(rest).toLowerCase()];
  return { ...(format && { format }), ...(compress && { compress }) };
}

/** For messages: nothing unseen in it. */
export function targetText({ kind, path }: PullTarget): string {
  return kind === 'stdout' ? 'standard output' : escapeControl(path);
}
