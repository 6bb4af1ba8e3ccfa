/**
 * Tells whether files were made of what lies in the archive now: by the names and sizes of objects. (A key changes only where
 * somebody is forgotten or a message removed, and its size with it.)
 */
import { hash } from 'node:crypto';
import type { Decision } from '../../privacy/decision.ts';
import type { StoredSegment } from '../../storage/read-segment.ts';
import { segmentSpan } from '../../storage/segment-span.ts';
import type { SelectedDay } from '../selection.ts';

const DAY_MS = 86_400_000;

/** In any order; of the decisions because other people may have opted out since. */
export function sourceDigest(
  segments: readonly Pick<StoredSegment, 'key' | 'bytes'>[],
  decisions: readonly Decision[],
): string {
  const objects = segments.map(({ key, bytes }) => `${key} ${bytes}\n`).sort();
  const wishes = decisions.map(({ id }) => `${id}\n`).sort();
  return hash('sha256', [...objects, ...wishes].join(''), 'hex');
}

/** The digest of all sources before a time that moves on, without keeping them. */
export class SourceChain {
  readonly #decisions: readonly Decision[];
  #chain = '';
  #days: SelectedDay[] = [];

  constructor(decisions: readonly Decision[]) {
    this.#decisions = decisions;
  }

  /** In order of time. */
  add(day: SelectedDay): void {
    this.#days.push(day);
  }

  /** Of segments that can hold lines before this time. @param untilMs not before that of an earlier call */
  digestBefore(untilMs: number): string {
    for (let [day] = this.#days; day && day.dayMs + DAY_MS <= untilMs; [day] = this.#days) {
      this.#chain = hash('sha256', `${this.#chain} ${sourceDigest(day.segments, [])}`, 'hex');
      this.#days.shift();
    }
    const begun = this.#days.flatMap(({ segments }) =>
      segments.filter((segment) => segmentSpan(segment).fromMs < untilMs),
    );
    return hash('sha256', `${this.#chain} ${sourceDigest(begun, this.#decisions)}`, 'hex');
  }
}
