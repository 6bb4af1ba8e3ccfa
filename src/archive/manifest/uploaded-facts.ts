/**
 * What this instance uploaded, day by day, until the day's manifest is written: `state/manifests/2026-11-21_twitch.jsonl`,
 * an object with its gaps a line, noted while the file is still on the disk, so that nothing has to be fetched again. It may be
 * lost, in whole or in part: what it does not tell of an object is read from the object.
 */
import { appendFile, readdir, readFile, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { decompress } from '../../lib/decompress.ts';
import { errorText } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { makeDirectory } from '../../lib/make-directory.ts';
import { ifMissing } from '../../lib/system-error.ts';
import { parseSegmentFile } from '../../segment-name.ts';
import type { Spool } from '../../spool.ts';
import { fileChunks } from '../../uploading/file-chunks.ts';
import type { UploadedSegment } from '../../uploading/upload-segment.ts';
import { GapScanner } from './gap-scanner.ts';
import { manifestObject } from './manifest.ts';
import { dayText, type PlatformDay, platformDayOf } from './manifest-key.ts';
import type { SegmentFacts } from './segment-facts.ts';

const FILE = /^(\d{4}-\d\d-\d\d)_([a-z0-9.%A-F_-]+)\.jsonl$/;

/** A day and what is known of its objects, by key. */
export interface UploadedDay extends PlatformDay {
  facts: ReadonlyMap<string, SegmentFacts>;
}

export class UploadedFacts {
  readonly #spool: Spool;
  readonly #log: Logger;
  /** Days that something came for since they were read. */
  readonly #grown = new Set<string>();

  constructor(spool: Spool, log: Logger) {
    this.#spool = spool;
    this.#log = log;
  }

  /** Never rejects: what cannot be noted is logged, and read from the object later. */
  async note({ file, key, description }: UploadedSegment, signal: AbortSignal): Promise<void> {
    const name = parseSegmentFile(file)!;
    const path = pathOf(this.#spool, platformDayOf(name));
    try {
      const scanner = new GapScanner();
      const chunks = fileChunks(this.#spool.path('uploaded', file), signal);
      for await (const lines of decompress(chunks, name.compression)) scanner.update(lines);
      const facts: SegmentFacts = { object: manifestObject(key, description), gaps: scanner.finish() };
      await makeDirectory(directoryOf(this.#spool));
      this.#grown.add(path);
      await appendFile(path, `${JSON.stringify(facts)}\n`);
    } catch (error) {
      if (signal.aborted) return;
      this.#log.warn(
        { file, err: errorText(error) },
        'cannot note what was uploaded for the manifest of its day',
      );
    }
  }

  /** Every day that something was uploaded for and that is not {@link settled} yet. */
  async days(): Promise<PlatformDay[]> {
    const files = (await readdir(directoryOf(this.#spool)).catch(ifMissing)) ?? [];
    return files.flatMap((file) => {
      const [, date, platform] = FILE.exec(file) ?? [];
      const dayMs = Date.parse(`${date}T00:00:00.000Z`);
      return Number.isNaN(dayMs) ? [] : { dayMs, platform: platform! };
    });
  }

  async read(day: PlatformDay): Promise<UploadedDay> {
    const path = pathOf(this.#spool, day);
    this.#grown.delete(path);
    const text = (await readFile(path, 'utf8').catch(ifMissing)) ?? '';
    const facts = text.split('\n').flatMap((line) => factsOf(line) ?? []);
    return { ...day, facts: new Map(facts.map((one) => [one.object.key, one])) };
  }

  /** The day's manifest tells of all that {@link read} gave. Where more came meanwhile, all of it stays for the next time. */
  async settled(day: PlatformDay): Promise<void> {
    const path = pathOf(this.#spool, day);
    if (!this.#grown.has(path)) await rm(path, { force: true });
  }
}

/** Where somebody is forgotten, whom the reason of a gap may name. That these days have to get a manifest stays known. */
export async function emptyUploadedFacts(spool: Spool): Promise<void> {
  const directory = directoryOf(spool);
  for (const file of (await readdir(directory).catch(ifMissing)) ?? []) await truncate(join(directory, file));
}

/** Undefined where the line was torn. It is our own: who writes to the spool may write anything. */
function factsOf(line: string): SegmentFacts | undefined {
  try {
    return JSON.parse(line) as SegmentFacts;
  } catch {
    return undefined;
  }
}

function directoryOf(spool: Spool): string {
  return spool.path('state', 'manifests');
}

function pathOf(spool: Spool, { dayMs, platform }: PlatformDay): string {
  return join(directoryOf(spool), `${dayText(dayMs)}_${platform}.jsonl`);
}
