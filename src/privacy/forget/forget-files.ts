/**
 * Rewrites the segments of the local disk that hold what is to go, while recording and uploading go on. Those that are
 * still open are sealed first; each file is in nobody else's hand while it is rewritten, and each is replaced by a rename:
 * a crash leaves it as it was or as it is to be.
 */
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { RECORD_FORMAT_VERSION } from '../../event.ts';
import { decompress, isDecompressionError } from '../../lib/decompress.ts';
import { ChatlogError } from '../../lib/errors.ts';
import { isMissing } from '../../lib/system-error.ts';
import { compressionOf, encodeName, objectKey, parseSegmentFile } from '../../segment-name.ts';
import { type Spool, type SpoolDirectory, syncDirectory } from '../../spool.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { LineJudge } from './line-judge.ts';
import { type Rewritten, rewriteLines, surveyLines } from './rewrite-lines.ts';
import type { TouchedObjects } from './touched-objects.ts';

/** What of the recorder and the uploader it takes; where none runs, nobody has to be held back. */
export interface SpoolKeepers {
  /** Records all lines that wait, then seals these files of `open/`. Rejects where the disk refuses lines. */
  seal(files: ReadonlySet<string>): Promise<void>;
  /** Runs the work while nobody else has the segment, by whatever name, in hand. */
  inHand<T>(file: string, work: () => Promise<T>): Promise<T>;
}

export const NOBODY_RECORDS: SpoolKeepers = { seal: async () => {}, inHand: (_, work) => work() };

export interface ForgetFilesOptions {
  spool: Spool;
  keepers: SpoolKeepers;
  store: ObjectStore;
  instance: string;
  judge: LineJudge;
  /** Of a file that an upload was broken off of, the object is rewritten, too. */
  touched: TouchedObjects;
  /** Before a rewritten file takes its place: what of the index goes with it. */
  onRewritten: (rewritten: Rewritten) => Promise<void>;
  /** Each file that changed, `sealed/twitch_xqc_20261121_1300.jsonl`. */
  onFile: (name: string, lines: { removed: number; blanked: number }) => void;
  signal: AbortSignal;
}

/** Directories in the order in which a segment passes them: one that moves on meanwhile is found further on. */
const DIRECTORIES = ['recovered', 'sealed', 'uploaded', 'quarantine'] as const;
/** All that hold lines. */
export const LINE_DIRECTORIES = ['open', ...DIRECTORIES] as const;
type Directory = (typeof DIRECTORIES)[number];
const ROUNDS_MAX = 10;

export async function forgetFiles(options: ForgetFilesOptions): Promise<void> {
  /** Files that hold nothing (more) of it, as they are. */
  const clean = new Set<string>();
  for (let round = 1; ; round++) {
    await sealOpen(options);
    const files = await listFiles(options);
    let found = 0;
    let moved = 0;
    for (const [directory, file] of files) {
      options.signal.throwIfAborted();
      const rewritten = await options.keepers.inHand(file, () => forgetFile(directory, file, clean, options));
      if (rewritten === 'moved') moved++;
      if (rewritten === undefined || rewritten === 'moved') continue;
      found++;
      options.onFile(`${directory}/${file}`, rewritten);
    }
    // What was compressed or renamed meanwhile has a name that this round did not know.
    if (found + moved === 0 && (await openOnes(options)).size === 0) return;
    if (round === ROUNDS_MAX)
      throw new ChatlogError('spool_busy', 'files with these lines keep appearing on the local disk', {
        retryable: true,
      });
  }
}

/** How many lines of the local disk would go or change, file by file; nothing is touched. */
export async function surveyFiles({
  spool,
  judge,
  onFile,
  signal,
}: Pick<ForgetFilesOptions, 'spool' | 'judge' | 'onFile' | 'signal'>): Promise<void> {
  for (const directory of LINE_DIRECTORIES) {
    for (const file of await filesIn(spool, directory, judge)) {
      const path = spool.path(directory, file);
      const lines = await surveyLines(fileLines(path, signal), judge, signal).catch(ifUnreadable);
      if (lines && lines.removed + lines.blanked > 0) onFile(`${directory}/${file}`, lines);
    }
  }
}

async function sealOpen(options: ForgetFilesOptions): Promise<void> {
  const { keepers, signal } = options;
  // A recorder that has stopped answers no more.
  signal.throwIfAborted();
  // What was taken before the decision may still wait in memory: it shows in a file only now.
  await keepers.seal(new Set());
  const files = await openOnes(options);
  signal.throwIfAborted();
  if (files.size > 0) await keepers.seal(files);
}

/** Files of `open/` that hold what is to go. */
async function openOnes({ spool, judge, signal }: ForgetFilesOptions): Promise<Set<string>> {
  const files = new Set<string>();
  for (const file of await filesIn(spool, 'open', judge)) {
    const source = fileLines(spool.path('open', file), signal);
    const lines = await surveyLines(source, judge, signal, 1).catch(ifUnreadable);
    if (lines && lines.removed + lines.blanked > 0) files.add(file);
  }
  return files;
}

async function listFiles({ spool, judge }: ForgetFilesOptions): Promise<[Directory, string][]> {
  const files: [Directory, string][] = [];
  for (const directory of DIRECTORIES) {
    for (const file of await filesIn(spool, directory, judge)) files.push([directory, file]);
  }
  return files;
}

/** `moved`: whoever had it in hand took it elsewhere, or removed it. Undefined where it holds nothing that is to go. */
async function forgetFile(
  directory: Directory,
  file: string,
  clean: Set<string>,
  options: ForgetFilesOptions,
): Promise<Rewritten | 'moved' | undefined> {
  const { spool, judge, instance, signal, onRewritten } = options;
  const path = spool.path(directory, file);
  const stats = await stat(path).catch(ifUnreadable);
  if (!stats) return 'moved';
  const state = `${stats.ino} ${stats.size} ${stats.mtimeMs}`;
  if (clean.has(state)) return undefined;
  const to = spool.path('tmp', `forget-${randomUUID()}`);
  try {
    const rewritten = await rewriteLines({
      read: () => fileLines(path, signal),
      to,
      compression: compressionOf(file),
      origin: { formatVersion: RECORD_FORMAT_VERSION, instance },
      judge,
      signal,
    }).catch(ifUnreadable);
    if (!rewritten) {
      clean.add(state);
      return undefined;
    }
    if (directory === 'sealed') await rewriteOwnObject(file, to, rewritten, options);
    await onRewritten(rewritten);
    if (rewritten.description) {
      // Its mode says whether it was offered to the storage, its time how long it waits.
      await chmod(to, stats.mode);
      await utimes(to, stats.atime, stats.mtime);
      await rename(to, path);
    } else await rm(path);
    await syncDirectory(spool.path(directory));
    return rewritten;
  } finally {
    await rm(to, { force: true });
  }
}

/**
 * The object that an upload made before it was broken off holds the lines as they were: with other lines the segment
 * would get a second one.
 */
async function rewriteOwnObject(
  file: string,
  path: string,
  { linesSha256Before, description }: Rewritten,
  { store, touched, signal }: ForgetFilesOptions,
): Promise<void> {
  const key = objectKey(file)!;
  const there = (await store.head(key, signal))?.description;
  if (there?.linesSha256 !== linesSha256Before) return;
  await touched.touch(key);
  if (description) await store.replace(key, { path, description }, there.objectSha256, signal);
  else await store.remove(key, signal);
}

/** Segments that may hold lines for the judge; of what is in quarantine, everything. */
async function filesIn(spool: Spool, directory: SpoolDirectory, judge: LineJudge): Promise<string[]> {
  const entries = await readdir(spool.path(directory), { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  if (directory === 'quarantine') return files;
  const [platform, channel] = [judge.platform, judge.channel].map((name) => name && encodeName(name));
  return files.filter((file) => {
    const name = parseSegmentFile(file);
    return name?.platform === platform && (channel === undefined || name?.channel === channel);
  });
}

/** A segment's lines, uncompressed. */
export function fileLines(path: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  return decompress(createReadStream(path, { signal }), compressionOf(path));
}

/** Gone meanwhile, or damaged: the uploader puts that into quarantine, and nobody can read it. */
function ifUnreadable(error: unknown): undefined {
  if (!isMissing(error) && !isDecompressionError(error)) throw error;
}
