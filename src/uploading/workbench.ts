/** What the uploader's workers share: the segments that wait, those in somebody's hand, and who is to be woken. */
import type { SegmentDescription } from '../storage/object-store.ts';
import { Bell } from './bell.ts';
import type { WorkItem } from './work-list.ts';
import { WorkList } from './work-list.ts';

const DESCRIPTIONS_MAX = 512;

export class Workbench {
  readonly toCompress = new WorkList();
  readonly toUpload = new WorkList();
  readonly scanBell = new Bell();
  readonly compressBell = new Bell();
  readonly uploadBell = new Bell();
  readonly #monotonic: () => number;
  readonly #busy = new Set<string>();
  /** When each piece of work under way last moved, by its file. */
  readonly #progress = new Map<string, number>();
  readonly #descriptions = new Map<string, SegmentDescription>();

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  isBusy(file: string): boolean {
    return this.#busy.has(file);
  }

  /** Keeps other workers off a segment, and its progress under watch. */
  async inHand<T>(file: string, work: () => Promise<T>): Promise<T> {
    this.#busy.add(file);
    this.moved(file);
    try {
      return await work();
    } finally {
      this.#busy.delete(file);
      this.#progress.delete(file);
    }
  }

  /** A segment in hand goes by another name, too. */
  alias(file: string): void {
    this.#busy.add(file);
  }

  dropAlias(file: string): void {
    this.#busy.delete(file);
  }

  moved(file: string): void {
    this.#progress.set(file, this.#monotonic());
  }

  /** Whether something in hand has not moved for so long. */
  isStalled(stallMs: number): boolean {
    const nowMs = this.#monotonic();
    return [...this.#progress.values()].some((movedMs) => nowMs - movedMs > stallMs);
  }

  offerForCompression(item: WorkItem): void {
    this.toCompress.add(item);
    this.compressBell.ring();
  }

  /** @param description made while compressing, so that the file need not be read again */
  offerForUpload(item: WorkItem, description?: SegmentDescription): void {
    if (this.#descriptions.size >= DESCRIPTIONS_MAX) this.#descriptions.clear();
    if (description) this.#descriptions.set(item.file, description);
    this.toUpload.add(item);
    this.uploadBell.ring();
  }

  takeDescription(file: string): SegmentDescription | undefined {
    const description = this.#descriptions.get(file);
    this.#descriptions.delete(file);
    return description;
  }
}
