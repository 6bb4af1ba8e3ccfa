/**
 * Changes to a YAML text by splicing: what is not touched stays byte for byte. Knows where nodes begin and end in
 * block and flow style; what it is asked for must be checked by parsing the result.
 */
import {
  type Document,
  isCollection,
  isMap,
  isNode,
  isPair,
  type Node,
  type Pair,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';

interface Splice {
  at: number;
  remove: number;
  insert: string;
}

type Item = Node | Pair<Node, Node | null>;
type Collection = YAMLMap<Node, Node | null> | YAMLSeq<Node>;

/** A token of the concrete syntax, as far as it is needed here. */
interface SourceToken {
  type: string;
  offset: number;
  source: string;
}

export class YamlSource {
  readonly text: string;
  readonly doc: Document.Parsed;
  /** The file's own line end. */
  readonly eol: string;
  readonly #splices: Splice[] = [];

  /** `doc` must have been parsed from `text` with `keepSourceTokens`. */
  constructor(text: string, doc: Document.Parsed) {
    this.text = text;
    this.doc = doc;
    this.eol = /\r?\n/.exec(text)?.[0] ?? '\n';
  }

  /** The text with every change applied. */
  result(): string {
    let text = '';
    let done = 0;
    // Of changes at one place, the one asked for first comes first.
    for (const { at, remove, insert } of this.#splices.toSorted((a, b) => a.at - b.at)) {
      text += this.text.slice(done, at) + insert;
      done = at + remove;
    }
    return text + this.text.slice(done);
  }

  replace(from: number, to: number, insert: string): void {
    this.#splices.push({ at: from, remove: to - from, insert });
  }

  insert(at: number, insert: string): void {
    this.replace(at, at, insert);
  }

  lineStart(offset: number): number {
    return this.text.lastIndexOf('\n', offset - 1) + 1;
  }

  column(offset: number): number {
    const start = this.lineStart(offset);
    return offset - start - (start === 0 && this.text.startsWith('\uFEFF') ? 1 : 0);
  }

  /** Where the line's content ends, before its line end. */
  lineEnd(offset: number): number {
    const newline = this.text.indexOf('\n', offset);
    if (newline === -1) return this.text.length;
    return this.text[newline - 1] === '\r' && newline > offset ? newline - 1 : newline;
  }

  /** Whether only blanks stand before the offset in its line. */
  firstInLine(offset: number): boolean {
    return /^\uFEFF?[ \t]*$/.test(this.text.slice(this.lineStart(offset), offset));
  }

  start(item: Item): number {
    if (isPair(item)) return this.start(item.key as Node);
    return item.range![0];
  }

  /** Where the last character of the item ends; comments behind it do not count. */
  end(item: Item): number {
    if (isPair(item))
      return isNode(item.value)
        ? this.end(item.value as Node)
        : this.afterColon(item as Pair<Node, Node | null>);
    if (isCollection(item) && !item.flow && item.items.length > 0) return this.end(item.items.at(-1) as Item);
    return item.range![1];
  }

  /** Behind the `:` of a pair, and behind a tag or anchor that follows it. */
  afterColon(pair: Pair<Node, Node | null>): number {
    const { sep = [] } = (pair.srcToken ?? {}) as { sep?: SourceToken[] };
    const last = sep.findLast(({ type }) => type === 'map-value-ind' || type === 'anchor' || type === 'tag');
    return last ? last.offset + last.source.length : this.end(pair.key);
  }

  /** Adds lines below the one in which something ends. */
  insertLinesAfter(end: number, lines: readonly string[]): void {
    const text = lines.join(this.eol);
    if (end > 0 && this.text[end - 1] === '\n') this.insert(end, text + this.eol);
    else {
      const newline = this.text.indexOf('\n', end);
      if (newline === -1) this.insert(this.text.length, this.eol + text);
      else this.insert(newline + 1, text + this.eol);
    }
  }

  /** Adds lines at the end of the text. */
  appendLines(lines: readonly string[]): void {
    const needsBreak = this.text !== '' && this.text !== '\uFEFF' && !this.text.endsWith('\n');
    this.insert(this.text.length, (needsBreak ? this.eol : '') + lines.join(this.eol) + this.eol);
  }

  /** Takes out the whole lines from `start` to `end`; a comment at their end goes along. */
  removeLines(start: number, end: number): void {
    const from = this.lineStart(start);
    const atLineStart = end > start && this.text[end - 1] === '\n';
    const newline = atLineStart ? end - 1 : this.text.indexOf('\n', end);
    this.replace(from, newline === -1 ? this.text.length : newline + 1, '');
  }

  /** Adds an item at the end of `[...]` or `{...}`, in the way the others stand there. */
  insertIntoFlow(collection: Collection, itemText: string): void {
    const last = collection.items.at(-1) as Item | undefined;
    if (!last) {
      this.insert(collection.range![0] + 1, this.#padded(collection, itemText));
      return;
    }
    const end = this.end(last);
    const comma = this.#commaAfter(collection, end);
    const behind = comma === undefined ? end : comma + 1;
    const start = this.start(last);
    const ownLine =
      this.firstInLine(start) && /^[ \t]*(#.*)?$/.test(this.text.slice(behind, this.lineEnd(behind)));
    if (ownLine) {
      if (comma === undefined) this.insert(end, ',');
      const indent = this.text.slice(this.lineStart(start), start);
      this.insert(this.lineEnd(behind), `${this.eol}${indent}${itemText}${comma === undefined ? '' : ','}`);
    } else if (comma === undefined) this.insert(end, `, ${itemText}`);
    else this.insert(behind, ` ${itemText},`);
  }

  /** Takes an item out of `[...]` or `{...}`, with one comma. */
  removeFromFlow(collection: Collection, index: number): void {
    const items = collection.items as Item[];
    const item = items[index]!;
    const start = this.start(item);
    const end = this.end(item);
    const comma = this.#commaAfter(collection, end);
    if (comma === undefined && index > 0) {
      const before = this.#commaAfter(collection, this.end(items[index - 1]!))!;
      if (/^,\s*$/.test(this.text.slice(before, start))) {
        this.replace(before, end, '');
        return;
      }
      this.replace(before, before + 1, '');
    }
    const behind = comma === undefined ? end : comma + 1;
    const rest = this.text.slice(behind, this.lineEnd(behind));
    if (this.firstInLine(start) && /^[ \t]*(#.*)?$/.test(rest)) this.removeLines(start, behind);
    else this.replace(start, behind + /^[ \t]*(?!#)|^/.exec(rest)![0].length, '');
  }

  /** The comma that follows an item of a flow collection. */
  #commaAfter(collection: Collection, end: number): number | undefined {
    const { items = [] } = (collection.srcToken ?? {}) as { items?: { start: SourceToken[] }[] };
    return items.flatMap(({ start }) => start).find(({ type, offset }) => type === 'comma' && offset >= end)
      ?.offset;
  }

  #padded(collection: Collection, itemText: string): string {
    const inside = this.text.slice(collection.range![0] + 1, collection.range![1] - 1);
    return isMap(collection) && inside === '' ? ` ${itemText} ` : itemText;
  }
}
