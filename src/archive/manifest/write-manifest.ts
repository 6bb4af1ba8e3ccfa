/**
 * Writes the next generation of a day's manifest, where it would say anything else than the last one.
 *
 * What the last one says of an object stays as it is: an object that is missing or was changed goes on to be what verifying
 * finds. Only who changes objects on purpose says so (`without`, `renewed`), and only for these is it taken anew what lies
 * there. What is new is added.
 */
import { createHash, randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RECORD_FORMAT_VERSION } from '../../event.ts';
import { ChatlogError } from '../../lib/errors.ts';
import { forEachConcurrently } from '../../lib/for-each-concurrently.ts';
import { encodeName } from '../../segment-name.ts';
import type { ObjectHead, ObjectStore } from '../../storage/object-store.ts';
import { storedSegment } from '../../storage/read-segment.ts';
import { listPatiently, patiently } from '../patiently.ts';
import {
  type Manifest,
  type ManifestGap,
  type ManifestObject,
  makeManifest,
  manifestObject,
  manifestText,
  saysTheSame,
} from './manifest.ts';
import { dayPrefix, manifestKey, type PlatformDay, parseManifestKey } from './manifest-key.ts';
import { readManifest } from './read-manifest.ts';
import { readSegmentFacts, type SegmentFacts } from './segment-facts.ts';

export interface WriteManifestOptions extends PlatformDay {
  store: ObjectStore;
  /** The instance; '' where none is configured. */
  by: string;
  /** Wall clock, ms since the epoch. */
  now: () => number;
  /** Keys that are about to be removed, or were, on purpose: they are left out, whether they still lie there or not. */
  without?: ReadonlySet<string>;
  /** Keys of objects that were rewritten on purpose: they are taken as they are now. */
  renewed?: ReadonlySet<string>;
  /** Where there is a manifest already, only objects of this instance are added; all when left out. */
  onlyOf?: string;
  /** What is known of an object from elsewhere, so that it need not be read for its gap lines. */
  known?: (key: string, linesSha256: string) => SegmentFacts | undefined;
  /** Where the file is made that is put; the system's directory for temporary files when left out. */
  scratch?: string;
}

export interface WrittenManifest {
  key: string;
  manifest: Manifest;
  /** False where the last generation says the same already. */
  isNew: boolean;
  /** Objects that cannot be read and have no metadata: nobody can say what they should be. They are left out. */
  unreadable: readonly string[];
}

const READS_AT_ONCE = 4;
const ATTEMPTS_MAX = 5;

/**
 * Undefined where the day has neither objects nor a manifest. Where somebody else writes the same generation in the same
 * moment, what they wrote is taken into account. Throws what the store throws.
 */
export async function writeManifest(
  options: WriteManifestOptions,
  signal: AbortSignal,
): Promise<WrittenManifest | undefined> {
  const { store, dayMs, platform } = options;
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const { keys, generations } = await listDay(options, signal);
    const { found, unreadable } = await readManifest(store, options, generations, signal);
    if (!found && keys.length === 0) return undefined;
    const next = await new NextManifest(options, found?.manifest, signal).make(keys);
    if (found && unreadable.length === 0 && saysTheSame(found.manifest, next.manifest))
      return { ...next, key: found.key, manifest: found.manifest, isNew: false };
    const key = manifestKey({ dayMs, platform }, Math.max(0, ...generations) + 1);
    if (await put(options, key, manifestText(next.manifest), signal)) return { ...next, key, isNew: true };
  }
  throw new ChatlogError(
    'manifest_contended',
    `${dayPrefix(options)}: somebody else keeps writing its manifest`,
    {
      retryable: true,
    },
  );
}

/** Removes all generations: where no object of the day is left, or where what older ones say is to go. */
export async function removeManifests(
  { store, ...day }: PlatformDay & { store: ObjectStore },
  signal: AbortSignal,
  below = Number.POSITIVE_INFINITY,
): Promise<void> {
  const { generations } = await listDay({ store, ...day }, signal);
  for (const generation of generations)
    if (generation < below) await store.remove(manifestKey(day, generation), signal);
}

export interface ListedDay {
  /** Of segments. */
  keys: string[];
  /** Of manifests, in no order. */
  generations: number[];
}

/** What lies in storage of a day. */
export async function listDay(
  { store, ...day }: PlatformDay & { store: ObjectStore },
  signal: AbortSignal,
): Promise<ListedDay> {
  const listed: ListedDay = { keys: [], generations: [] };
  for await (const { key, bytes } of listPatiently(store, dayPrefix(day), signal)) {
    if (storedSegment(key, bytes)) listed.keys.push(key);
    const generation = parseManifestKey(key)?.generation;
    if (generation !== undefined) listed.generations.push(generation);
  }
  return listed;
}

class NextManifest {
  readonly #options: WriteManifestOptions;
  readonly #before: Pick<Manifest, 'objects' | 'gaps'>;
  readonly #isFirst: boolean;
  readonly #listed: ReadonlySet<string>;
  readonly #signal: AbortSignal;
  readonly #unreadable: string[] = [];

  constructor(options: WriteManifestOptions, before: Manifest | undefined, signal: AbortSignal) {
    this.#options = options;
    this.#before = before ?? { objects: [], gaps: [] };
    this.#isFirst = before === undefined;
    this.#listed = new Set(this.#before.objects.map(({ key }) => key));
    this.#signal = signal;
  }

  async make(listed: readonly string[]): Promise<{ manifest: Manifest; unreadable: readonly string[] }> {
    const { without = new Set(), renewed = new Set(), now, by } = this.#options;
    const isGiven = (key: string) => without.has(key) || renewed.has(key);
    const stays = this.#before.objects.filter(({ key }) => !isGiven(key));
    const known = new Set(stays.map(({ key }) => key));
    const facts = await this.#read(listed.filter((key) => !known.has(key) && !without.has(key)));
    // Of a channel whose objects went or changed, no gap may stay that none of them tells of any more.
    const changed = new Set(this.#before.objects.flatMap(({ key }) => (isGiven(key) ? channelOf(key) : [])));
    const again = await this.#read(listed.filter((key) => known.has(key) && changed.has(channelOf(key))));
    const gaps: ManifestGap[] = [
      ...this.#before.gaps.filter(({ channel }) => !changed.has(encodeName(channel))),
      ...[...facts, ...again].flatMap((one) => one.gaps),
    ];
    const objects: ManifestObject[] = [...stays, ...facts.map(({ object }) => object)];
    const manifest = makeManifest(this.#options, objects, gaps, { by, writtenMs: now() });
    return { manifest, unreadable: this.#unreadable };
  }

  #isToBeListed(key: string, { description }: ObjectHead): boolean {
    const { onlyOf, renewed } = this.#options;
    if (onlyOf === undefined || this.#isFirst || this.#listed.has(key) || renewed?.has(key)) return true;
    return description?.instance === onlyOf;
  }

  async #read(keys: readonly string[]): Promise<SegmentFacts[]> {
    const facts: SegmentFacts[] = [];
    await forEachConcurrently(keys, READS_AT_ONCE, async (key) => {
      this.#signal.throwIfAborted();
      const one = await this.#readOne(key);
      if (one) facts.push(one);
    });
    return facts;
  }

  /** Undefined where it went away meanwhile, or nobody can say what it should be. */
  async #readOne(key: string): Promise<SegmentFacts | undefined> {
    const { store, known } = this.#options;
    const head = await patiently(() => store.head(key, this.#signal), this.#signal);
    if (!head || !this.#isToBeListed(key, head)) return undefined;
    const { description } = head;
    const there = description && known?.(key, description.linesSha256);
    if (there) return there;
    try {
      return await readSegmentFacts(store, key, head, this.#signal);
    } catch (error) {
      const code = error instanceof ChatlogError ? error.code : undefined;
      if (code === 'object_missing') return undefined;
      if (code !== 'object_corrupt') throw error;
      // What it should be is known all the same, and that is what is to be verified.
      if (description) return { object: manifestObject(key, description), gaps: [] };
      this.#unreadable.push(key);
      return undefined;
    }
  }
}

/** Whether this generation is ours. */
async function put(
  { store, scratch = tmpdir() }: WriteManifestOptions,
  key: string,
  text: string,
  signal: AbortSignal,
): Promise<boolean> {
  const path = join(scratch, `chatlog-manifest-${randomUUID()}`);
  const bytes = Buffer.from(text);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const description = {
    ...{ linesSha256: sha256, objectSha256: sha256, linesBytes: bytes.length, objectBytes: bytes.length },
    ...{ lines: text.split('\n').length - 1, firstTimestamp: '', lastTimestamp: '' },
    ...{ formatVersion: RECORD_FORMAT_VERSION, instance: '' },
  };
  try {
    await writeFile(path, bytes, { flag: 'wx' });
    return (await store.put(key, { path, description }, signal)) === 'created';
  } finally {
    await rm(path, { force: true });
  }
}

/** The channel as keys have it: the last directory. */
function channelOf(key: string): string {
  return key.split('/').at(-2)!;
}
