/** What forgetting did, or would do, for people. */
import type { ObjectReport } from './forget-objects.ts';

export interface ForgetReport {
  /** Objects that were looked through; of these, those with lines that went or changed. */
  objectsSeen: number;
  objectsChanged: number;
  /** Files of this disk with such lines. */
  files: number;
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

export function emptyReport(): ForgetReport {
  return {
    ...{ objectsSeen: 0, objectsChanged: 0, files: 0, linesRemoved: 0, linesBlanked: 0, rows: 0 },
    ...{ changed: [], unreadable: [] },
  };
}

export function addObject(report: ForgetReport, { key, unreadable, ...lines }: ObjectReport): void {
  report.objectsSeen++;
  if (unreadable && report.unreadable.length < NAMED_MAX) report.unreadable.push(key);
  if (lines.removed + lines.blanked === 0) return;
  report.objectsChanged++;
  addLines(report, lines);
  addName(report, key, lines);
}

export function addLines(report: ForgetReport, lines: { removed: number; blanked: number }): void {
  report.linesRemoved += lines.removed;
  report.linesBlanked += lines.blanked;
}

export function addName(
  report: ForgetReport,
  name: string,
  lines: { removed: number; blanked: number },
): void {
  const { removed, blanked } = lines;
  if (report.changed.length < NAMED_MAX) report.changed.push({ name, removed, blanked });
}
