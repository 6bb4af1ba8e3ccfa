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

/** Of what begins at the same time: an hour's segments, or a day's first hour with its day object. */
type HourDigest = readonly [fromMs: number, digest: string];

/** The digest of all sources before a time that moves on, without keeping them. */
export class SourceChain {
  readonly #decisions: readonly Decision[];
  #chain = '';
  #days: { dayMs: number; hours: HourDigest[] }[] = [];

  constructor(decisions: readonly Decision[]) {
    this.#decisions = decisions;
  }

  /** In order of time. */
  add({ dayMs, segments }: SelectedDay): void {
    const hours = [...Map.groupBy(segments, (segment) => segmentSpan(segment).fromMs)]
      .sort(([a], [b]) => a - b)
      .map(([fromMs, ofHour]): HourDigest => [fromMs, sourceDigest(ofHour, [])]);
    this.#days.push({ dayMs, hours });
  }

  /** Of segments that can hold lines before this time. @param untilMs not before that of an earlier call */
  digestBefore(untilMs: number): string {
    for (let [day] = this.#days; day && day.dayMs + DAY_MS <= untilMs; [day] = this.#days) {
      this.#chain = hash('sha256', [this.#chain, ...day.hours.map(([, digest]) => digest)].join(' '), 'hex');
      this.#days.shift();
    }
    const begun = this.#days
      .flatMap(({ hours }) => hours.filter(([fromMs]) => fromMs < untilMs))
      .map(([, digest]) => digest);
    const wishes = sourceDigest([], this.#decisions);
    return hash('sha256', [this.#chain, ...begun, wishes].join(' '), 'hex');
  }
}
