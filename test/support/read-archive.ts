/** Reading what Chatlog wrote, as its users do: files and lines, nothing of the product's own code but the line's type. */
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { ChatEvent } from '../../src/event.ts';

export interface ReadFile {
  /** Path below the root, with `/`. */
  readonly path: string;
  /** The uncompressed content. */
  readonly content: Buffer;
  readonly events: readonly ChatEvent[];
  /** What follows the last line end: '' unless the file is torn. */
  readonly tail: string;
}

/** The directories of a spool that hold recorded lines. */
const SPOOL_LINES = ['open', 'recovered', 'sealed', 'uploaded'];

/** All segments below a directory archive, by path. A line that is not JSON is an error that names its place. */
export async function readArchive(root: string): Promise<ReadFile[]> {
  return readSegments(root, await segmentsBelow(root));
}

/** All segments that lie in a spool, whatever their state. While a recorder runs, one that moves may be missed. */
export async function readSpool(dataDir: string): Promise<ReadFile[]> {
  const paths = await Promise.all(SPOOL_LINES.map((directory) => segmentsBelow(join(dataDir, directory))));
  return readSegments(dataDir, paths.flat());
}

/** The events of all files, in the order of files and lines. */
export function eventsOf(files: readonly ReadFile[]): ChatEvent[] {
  return files.flatMap((file) => file.events);
}

/** Content of a segment, uncompressed by its name. */
export function decompress(path: string, bytes: Buffer): Buffer {
  if (path.endsWith('.gz')) return gunzipSync(bytes);
  if (path.endsWith('.zst')) return zstdDecompressSync(bytes);
  return bytes;
}

async function segmentsBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(
    (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    },
  );
  return entries
    .filter((entry) => entry.isFile() && /\.jsonl(\.gz|\.zst)?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

async function readSegments(root: string, paths: readonly string[]): Promise<ReadFile[]> {
  const files: ReadFile[] = [];
  for (const path of paths) {
    const bytes = await readFile(path).catch((error: unknown) => {
      // Moved on between the listing and the reading: a running recorder does that.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    });
    if (bytes) files.push(parseSegment(relative(root, path).split(sep).join('/'), bytes));
  }
  return files;
}

/** A segment as it lies in a file or object of that path. */
export function parseSegment(path: string, bytes: Buffer): ReadFile {
  const content = decompress(path, bytes);
  const lines = content.toString('utf8').split('\n');
  const tail = lines.pop() ?? '';
  const events = lines.map((line, index) => {
    try {
      return JSON.parse(line) as ChatEvent;
    } catch (error) {
      throw new Error(`${path}:${index + 1} is not JSON: ${line.slice(0, 200)}`, { cause: error });
    }
  });
  return { path, content, events, tail };
}
