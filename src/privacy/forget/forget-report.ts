/** What forgetting did, or would do, for people. */
import { parseSegmentFile, uncompressedName } from '../../segment-name.ts';
import type { ObjectReport } from './forget-objects.ts';

export interface ForgetReport {
  /** Objects that were looked through; of these, those with lines that went or changed. */
  objectsSeen: number;
  objectsChanged: number;
  /** Files of this disk with such lines. */
  files: number;
  /** Lines of segments that lie in both places count once. */
  linesRemoved: number;
  /** Lines of others in which they were named or quoted. */
  linesBlanked: number;
  /** Rows of messages in the index. */
  rows: number;
  /** The first thousand of the objects and files that are concerned. */
  changed: { name: string; removed: number; blanked: number }[];
  /** Objects that cannot be read: nobody can tell what they hold. */
  unreadable: string[];
}

const NAMED_MAX = 1_000;

interface LineCounts {
  removed: number;
  blanked: number;
}

/**
 * Fills a report, first with files, then with objects. Lines count once, also where a segment lies on the disk and in
 * storage: it is known by its name. Bounded: holds the names of local files with such lines.
 */
export class ForgetTally {
  readonly report: ForgetReport = {
    ...{ objectsSeen: 0, objectsChanged: 0, files: 0, linesRemoved: 0, linesBlanked: 0, rows: 0 },
    ...{ changed: [], unreadable: [] },
  };
  readonly #localSegments = new Set<string>();

  /** @param name directory and file, `sealed/twitch_xqc_20261121_1300.jsonl` */
  addFile(name: string, lines: LineCounts): void {
    this.report.files++;
    const segment = segmentOf(name);
    if (segment === undefined || !this.#localSegments.has(segment)) this.#addLines(lines);
    if (segment !== undefined) this.#localSegments.add(segment);
    this.#addName(name, lines);
  }

  addObject({ key, unreadable, ...lines }: ObjectReport): void {
    const { report } = this;
    report.objectsSeen++;
    if (unreadable && report.unreadable.length < NAMED_MAX) report.unreadable.push(key);
    if (lines.removed + lines.blanked === 0) return;
    report.objectsChanged++;
    const segment = segmentOf(key);
    if (segment === undefined || !this.#localSegments.has(segment)) this.#addLines(lines);
    this.#addName(key, lines);
  }

  #addLines({ removed, blanked }: LineCounts): void {
    this.report.linesRemoved += removed;
    this.report.linesBlanked += blanked;
  }

  #addName(name: string, { removed, blanked }: LineCounts): void {
    if (this.report.changed.length < NAMED_MAX) this.report.changed.push({ name, removed, blanked });
  }
}

/** Undefined where it is no segment: an export, or what was set aside. */
function segmentOf(path: string): string | undefined {
  const file = path.slice(path.lastIndexOf('/') + 1);
  return parseSegmentFile(file) && uncompressedName(file);
}
