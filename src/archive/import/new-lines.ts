/** Of lines that are imported, those that are new: not in the archive, and each once however many sources hold it. */

import type { SortedItem } from './external-sort.ts';
import { withOccurrence } from './import-event.ts';
import { isByLine } from './line-identity.ts';
import { groupOf, memberOf, parseKey } from './sort-keys.ts';

export interface NewLines {
  /** As `orderedText` made them. */
  texts: string[];
  /** How many the archive holds already. */
  known: number;
  /** How many of those given are the same as another of them. */
  doubled: number;
}

export interface LineGroup {
  group: string;
  items: SortedItem[];
}

/** Sorted items that may be the same, together. */
export async function* groups(items: AsyncIterable<SortedItem>): AsyncGenerator<LineGroup> {
  let current: LineGroup | undefined;
  for await (const item of items) {
    const group = groupOf(item.key);
    if (current?.group === group) {
      current.items.push(item);
      continue;
    }
    if (current) yield current;
    current = { group, items: [item] };
  }
  if (current) yield current;
}

/** @param known the archive's lines of the same group */
export function newLines({ group, items }: LineGroup, known: readonly SortedItem[]): NewLines {
  return isByLine(parseKey(group).identity) ? newByCount(items, known) : newByNumber(items, known);
}

/**
 * Lines that are equal in every byte: as many as the source with the most of them has. Whoever reads the archive takes the
 * object with the most of them at its word, so that all are new where no object has as many.
 */
function newByCount(items: readonly SortedItem[], known: readonly SortedItem[]): NewLines {
  const wanted = mostInOneSource(items);
  const isThere = mostInOneSource(known) >= wanted;
  const texts = isThere ? [] : Array.from({ length: wanted }, () => items[0]!.text);
  return { texts, known: isThere ? wanted : 0, doubled: items.length - wanted };
}

function mostInOneSource(items: readonly SortedItem[]): number {
  const counts = new Map<string, number>();
  for (const { key } of items) {
    const member = memberOf(key);
    const source = 'source' in member ? member.source : '';
    counts.set(source, (counts.get(source) ?? 0) + 1);
  }
  return [...counts.values()].reduce((most, count) => Math.max(most, count), 0);
}

/** The n-th of equal events of one source is that of another. Of copies the one that sorts first stays. */
function newByNumber(items: readonly SortedItem[], known: readonly SortedItem[]): NewLines {
  const found = new Map<number, string>();
  const counts = new Map<string, number>();
  for (const { key, text } of items) {
    const member = memberOf(key);
    const number = 'occurrence' in member ? member.occurrence : (counts.get(member.source) ?? 0);
    if ('source' in member) counts.set(member.source, number + 1);
    const numbered =
      'source' in member && number > 0 ? renumbered(text, parseKey(key).identity, number) : text;
    const other = found.get(number);
    if (other === undefined || numbered < other) found.set(number, numbered);
  }
  const there = new Set(known.map(({ key }) => numberOf(key)));
  const texts = [...found].filter(([number]) => !there.has(number)).map(([, text]) => text);
  return { texts, known: found.size - texts.length, doubled: items.length - found.size };
}

function numberOf(key: string): number {
  const member = memberOf(key);
  return 'occurrence' in member ? member.occurrence : 0;
}

/** The line with the id of the n-th of its kind: its last member that has the id of the first is the id. */
function renumbered(text: string, identity: string, number: number): string {
  const digest = identity.slice(1);
  const first = `"id":"${withOccurrence(digest, 0)}"`;
  const at = text.lastIndexOf(first);
  return `${text.slice(0, at)}"id":"${withOccurrence(digest, number)}"${text.slice(at + first.length)}`;
}
