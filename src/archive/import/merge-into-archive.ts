/** From sorted imported lines to objects: channel by channel, day by day, hour by hour. */
import { join } from 'node:path';
import { lineKey } from '../../index/message-key.ts';
import { ChatlogError } from '../../lib/errors.ts';
import { encodeName } from '../../segment-name.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { ExternalSort } from './external-sort.ts';
import type { ImportedDay, ImportOptions } from './import-archive.ts';
import { addKnownLines } from './known-lines.ts';
import { isByLine } from './line-identity.ts';
import { groups, type LineGroup, newLines } from './new-lines.ts';
import { DAY_MS, parseKey, splitOrdered } from './sort-keys.ts';
import { dayKey, type StagedDay } from './staging.ts';
import { storeHour, writeHourFile } from './write-hour.ts';

export interface MergeOptions
  extends Pick<ImportOptions, 'store' | 'privacy' | 'origin' | 'level' | 'dryRun' | 'onProgress'> {
  /** For files under way. */
  scratch: string;
  staged: ExternalSort;
  days: ReadonlyMap<string, StagedDay>;
}

export interface MergeReport {
  newLines: number;
  known: number;
  doubled: number;
  objects: number;
  objectBytes: number;
  days: ImportedDay[];
  /** What was put, or lay there already as it would have been put. */
  stored: StoredHour[];
}

export interface StoredHour {
  key: string;
  /** As in keys. */
  platform: string;
  channel: string;
}

const STORES_AT_ONCE = 4;
/** Of a day whose objects go away while they are read. */
const LISTINGS_MAX = 4;

export async function mergeIntoArchive(options: MergeOptions, signal: AbortSignal): Promise<MergeReport> {
  await using merge = new Merge(options, signal);
  for await (const group of groups(options.staged.sorted())) {
    signal.throwIfAborted();
    await merge.take(group);
  }
  return await merge.finish();
}

class Merge implements AsyncDisposable {
  readonly #options: MergeOptions;
  readonly #signal: AbortSignal;
  readonly #stop = new AbortController();
  readonly #report: MergeReport = {
    newLines: 0,
    known: 0,
    doubled: 0,
    objects: 0,
    objectBytes: 0,
    days: [],
    stored: [],
  };
  readonly #totalLines: number;
  #doneLines = 0;
  #day: OpenDay | undefined;
  #hourMs = Number.NaN;
  #hour: ExternalSort | undefined;
  #files = 0;
  /** Hours that are being stored. */
  readonly #storing = new Set<Promise<void>>();
  #failure: { error: unknown } | undefined;

  constructor(options: MergeOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = AbortSignal.any([signal, this.#stop.signal]);
    this.#totalLines = [...options.days.values()].reduce((sum, { lines }) => sum + lines, 0);
  }

  async take(group: LineGroup): Promise<void> {
    const { path, hourMs, identity } = parseKey(group.group);
    const key = dayKey(path, Math.floor(hourMs / DAY_MS) * DAY_MS);
    if (key !== this.#day?.key || hourMs !== this.#hourMs) await this.#closeHour();
    if (key !== this.#day?.key) await this.#openDay(key);
    this.#hourMs = hourMs;
    const found = newLines(group, await this.#day!.known(group.group));
    const texts = this.#notPurged(found.texts, identity);
    this.#report.known += found.known;
    this.#report.doubled += found.doubled;
    this.#report.newLines += texts.length;
    this.#day!.report.newLines += texts.length;
    if (!this.#options.dryRun) await this.#addToHour(texts);
    this.#doneLines += group.items.length;
    this.#tell();
  }

  async finish(): Promise<MergeReport> {
    await this.#closeHour();
    await Promise.all(this.#storing);
    this.#throwIfFailed();
    return this.#report;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#storing);
    await this.#hour?.[Symbol.asyncDispose]();
    await this.#day?.[Symbol.asyncDispose]();
  }

  async #openDay(key: string): Promise<void> {
    const { days, store } = this.#options;
    await this.#day?.[Symbol.asyncDispose]();
    const report = { ...days.get(key)!, newLines: 0 };
    this.#report.days.push(report);
    this.#day = new OpenDay(key, report);
    await this.#day.load(store, this.#signal);
  }

  async #addToHour(texts: readonly string[]): Promise<void> {
    if (texts.length === 0) return;
    this.#hour ??= new ExternalSort();
    for (const text of texts) {
      const { order, line } = splitOrdered(text);
      await this.#hour.add(order, line);
    }
  }

  async #closeHour(): Promise<void> {
    const sort = this.#hour;
    this.#hour = undefined;
    if (!sort) return;
    const { scratch } = this.#options;
    const file = await writeHourFile(this.#day!.report, sort, join(scratch, `${this.#files++}.jsonl`));
    await sort[Symbol.asyncDispose]();
    while (this.#storing.size >= STORES_AT_ONCE) await Promise.race(this.#storing);
    this.#throwIfFailed();
    const stored = storeHour(file, this.#options, this.#signal).then(
      ({ key, bytes }) => {
        const [platform, channel] = [encodeName(file.platform), encodeName(file.channel)];
        this.#report.stored.push({ key, platform, channel });
        this.#report.objects++;
        this.#report.objectBytes += bytes;
        this.#tell();
      },
      (error: unknown) => {
        this.#failure ??= { error };
      },
    );
    const task = stored.finally(() => this.#storing.delete(task));
    this.#storing.add(task);
  }

  #throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error;
  }

  #tell(): void {
    const { objects } = this.#report;
    const [doneLines, totalLines] = [this.#doneLines, this.#totalLines];
    this.#options.onProgress({ phase: 'write', doneLines, totalLines, objects });
  }

  /** Of messages without an identity, what was removed for good is told by the line: it is known only here which it is. */
  #notPurged(texts: string[], identity: string): string[] {
    const { privacy } = this.#options;
    if (privacy.isEmpty || !isByLine(identity)) return texts;
    const { platform } = this.#day!.report;
    return texts.filter((text, index) => {
      const line = Buffer.from(splitOrdered(text).line);
      return !privacy.isMessagePurged(platform, lineKey(platform, line, index));
    });
  }
}

/** What the archive holds of one channel's day, read alongside what is imported into it. */
class OpenDay implements AsyncDisposable {
  readonly key: string;
  readonly report: ImportedDay;
  #sort = new ExternalSort();
  #groups: AsyncGenerator<LineGroup> | undefined;
  #next: LineGroup | undefined;

  constructor(key: string, report: ImportedDay) {
    this.key = key;
    this.report = report;
  }

  async load(store: ObjectStore, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await addKnownLines(store, this.report, this.#sort, signal);
        break;
      } catch (error) {
        // Compacted meanwhile: its lines lie elsewhere now.
        const isGone = error instanceof ChatlogError && error.code === 'object_missing';
        if (!isGone || attempt === LISTINGS_MAX) throw error;
        await this.#sort[Symbol.asyncDispose]();
        this.#sort = new ExternalSort();
      }
    }
    this.#groups = groups(this.#sort.sorted());
    await this.#advance();
  }

  /** Of a group that comes after those asked for before. */
  async known(group: string): Promise<LineGroup['items']> {
    while (this.#next && this.#next.group < group) await this.#advance();
    return this.#next?.group === group ? this.#next.items : [];
  }

  async #advance(): Promise<void> {
    const { value, done } = await this.#groups!.next();
    this.#next = done ? undefined : value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#groups?.return(undefined);
    await this.#sort[Symbol.asyncDispose]();
  }
}
