/**
 * What a process that died left behind: files of `open/`, which may end in a torn line, and rarely hold worse.
 *
 * At the start they are moved to `recovered/` (a rename each), so that recording can begin at once. Then, one after
 * the other: every line is checked; a torn last line is cut off; what is not a line of ours goes to `quarantine/`;
 * the rest is sealed. Reading is bounded by a chunk and a line; one bad file never stops the others.
 */
import { lstat, open, readdir, rename, rm, unlink } from 'node:fs/promises';
import { errorText } from '../lib/errors.ts';
import { isTaken } from '../lib/is-taken.ts';
import type { Logger } from '../lib/logger.ts';
import { parseSegmentFile, segmentFile } from '../segment-name.ts';
import { type Spool, type SpoolDirectory, syncDirectory } from '../spool.ts';

const CHUNK_BYTES = 256 * 1024;
/** No line of ours is longer, whatever its escapes. */
const LINE_BYTES_MAX = 1024 * 1024;
const NEWLINE = 0x0a;

/** Moves `open/` to `recovered/` and empties `tmp/`. To be called before anything writes. Returns the files to be recovered. */
export async function takeLeftovers(spool: Spool): Promise<string[]> {
  for (const file of await readdir(spool.path('tmp'))) {
    await rm(spool.path('tmp', file), { force: true, recursive: true });
  }
  for (const file of await readdir(spool.path('open'))) {
    await rename(spool.path('open', file), spool.path('recovered', freeNameIn(spool, 'recovered', file)));
  }
  await syncDirectory(spool.path('recovered'));
  await syncDirectory(spool.path('open'));
  return (await readdir(spool.path('recovered'))).sort();
}

export interface RecoverOptions {
  spool: Spool;
  log: Logger;
  onSealed(file: string): void;
}

/** Recovers all of them in turn. Never throws for what is wrong with one file. */
export async function recoverSegments(
  files: readonly string[],
  options: RecoverOptions,
  signal: AbortSignal,
): Promise<void> {
  for (const file of files) {
    if (signal.aborted) return;
    await recoverSegment(file, Infinity, options);
  }
}

/** @param goodBytes where the recorded part is known to end, if it is. */
export async function recoverSegment(
  file: string,
  goodBytes: number,
  options: RecoverOptions,
): Promise<void> {
  const { spool, log, onSealed } = options;
  const path = spool.path('recovered', file);
  try {
    if (parseSegmentFile(file)?.compression !== 'none' || !(await lstat(path)).isFile()) {
      await quarantine(file, 'not a segment', options);
      return;
    }
    const found = await checkLines(path, goodBytes);
    if (found.lines === 0) {
      if (found.bad.length === 0) await unlink(path);
      else await quarantine(file, 'no line of it can be read', options);
      return;
    }
    if (found.bad.length > 0) await setAside(file, found, options);
    else await cut(path, found.end);
    const sealed = freeNameIn(spool, 'sealed', file);
    await rename(path, spool.path('sealed', sealed));
    await syncDirectory(spool.path('sealed'));
    await syncDirectory(spool.path('recovered'));
    log.info(
      { file, lines: found.lines, tornBytes: found.tornBytes },
      'recovered a file that the last run left open',
    );
    onSealed(sealed);
  } catch (error) {
    log.error({ file, err: errorText(error) }, 'cannot recover the file; the next start tries again');
  }
}

interface Range {
  start: number;
  end: number;
}

interface Checked {
  lines: number;
  /** Where the last whole line ends. */
  end: number;
  /** Bytes after it. */
  tornBytes: number;
  /** Stretches of whole lines that are not ours, in order. */
  bad: Range[];
}

async function checkLines(path: string, goodBytes: number): Promise<Checked> {
  const checked: Checked = { lines: 0, end: 0, tornBytes: 0, bad: [] };
  const handle = await open(path, 'r');
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    let carry: Buffer[] = [];
    let carryBytes = 0;
    let isOverlong = false;
    for (let position = 0; position < goodBytes; ) {
      const { bytesRead } = await handle.read(
        chunk,
        0,
        Math.min(CHUNK_BYTES, goodBytes - position),
        position,
      );
      if (bytesRead === 0) break;
      let start = 0;
      for (
        let newline = chunk.indexOf(NEWLINE);
        newline >= 0 && newline < bytesRead;
        newline = chunk.indexOf(NEWLINE, start)
      ) {
        const line = Buffer.concat([...carry, chunk.subarray(start, newline)]);
        note(checked, position + newline + 1, !isOverlong && isLine(line));
        carry = [];
        carryBytes = 0;
        isOverlong = false;
        start = newline + 1;
      }
      carryBytes += bytesRead - start;
      if (carryBytes > LINE_BYTES_MAX) {
        isOverlong = true;
        carry = [];
      } else if (!isOverlong) carry.push(Buffer.from(chunk.subarray(start, bytesRead)));
      position += bytesRead;
    }
    checked.tornBytes = carryBytes;
  } finally {
    await handle.close();
  }
  return checked;
}

function note(checked: Checked, end: number, isGood: boolean): void {
  if (isGood) checked.lines++;
  else {
    const last = checked.bad.at(-1);
    if (last?.end === checked.end) last.end = end;
    else checked.bad.push({ start: checked.end, end });
  }
  checked.end = end;
}

function isLine(bytes: Buffer): boolean {
  if (bytes[0] !== 0x7b) return false;
  try {
    const { timestamp, platform, channel } = JSON.parse(bytes.toString('utf8'));
    return typeof timestamp === 'string' && typeof platform === 'string' && typeof channel === 'string';
  } catch {
    return false;
  }
}

async function cut(path: string, end: number): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    if ((await handle.stat()).size > end) await handle.truncate(end);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Copies the bad stretches to `quarantine/` and puts the file without them in its own place. */
async function setAside(file: string, { bad, end }: Checked, { spool, log }: RecoverOptions): Promise<void> {
  const path = spool.path('recovered', file);
  const good: Range[] = [];
  let position = 0;
  for (const range of [...bad, { start: end, end }]) {
    if (range.start > position) good.push({ start: position, end: range.start });
    position = range.end;
  }
  const aside = freeNameIn(spool, 'quarantine', `${file}.bad-lines`);
  await copyRanges(path, bad, spool.path('quarantine', aside));
  await syncDirectory(spool.path('quarantine'));
  await copyRanges(path, good, spool.path('tmp', file));
  await rename(spool.path('tmp', file), path);
  await syncDirectory(spool.path('recovered'));
  const bytes = bad.reduce((sum, range) => sum + range.end - range.start, 0);
  log.error({ file, badBytes: bytes }, `lines that cannot be read were set aside in quarantine/${aside}`);
}

async function copyRanges(from: string, ranges: Range[], to: string): Promise<void> {
  const source = await open(from, 'r');
  const target = await open(to, 'w');
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (const { start, end } of ranges) {
      for (let position = start; position < end; ) {
        const { bytesRead } = await source.read(chunk, 0, Math.min(CHUNK_BYTES, end - position), position);
        if (bytesRead === 0) break;
        await target.writeFile(chunk.subarray(0, bytesRead));
        position += bytesRead;
      }
    }
    await target.sync();
  } finally {
    await source.close();
    await target.close();
  }
}

async function quarantine(file: string, why: string, { spool, log }: RecoverOptions): Promise<void> {
  await rename(
    spool.path('recovered', file),
    spool.path('quarantine', freeNameIn(spool, 'quarantine', file)),
  );
  await syncDirectory(spool.path('quarantine'));
  log.error({ file, why }, `set aside in quarantine/: ${why}`);
}

/** Nothing is ever overwritten, not even what should not be there. A segment stays one by its new name. */
function freeNameIn(spool: Spool, directory: SpoolDirectory, file: string): string {
  const name = directory === 'quarantine' ? undefined : parseSegmentFile(file);
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? file : numbered(file, name, number);
    if (!isTaken(spool.path(directory, candidate))) return candidate;
  }
}

function numbered(file: string, name: ReturnType<typeof parseSegmentFile>, number: number): string {
  if (!name) return `${file}.${number}`;
  return segmentFile({ ...name, suffix: `${name.suffix}-r${number}` }, name.compression);
}
