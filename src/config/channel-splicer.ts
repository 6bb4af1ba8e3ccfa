// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${...}` is what the configuration is filled in by
/**
 * Where a configuration's channels stand in its text, and how an entry is added, changed or taken out there: block and
 * flow lists, names and mappings, lists that do not exist yet. The caller checks the outcome by parsing it.
 */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
  Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type { SettingKey, SettingValue } from './channel-setting.ts';
import type { YamlSource } from './yaml-source.ts';

type MapPair = Pair<Node, Node | null>;
type Mapping = YAMLMap<Node, Node | null>;

/** This text cannot be edited; the message says why. */
export class EditRefusal extends Error {}

export class ChannelSplicer {
  readonly source: YamlSource;
  /** Keys that lead to the section with `channels`: `twitch`, or `irc` and the network. */
  readonly #path: readonly string[];
  /** Indentation that the file uses for one level. */
  readonly #step: number;

  constructor(source: YamlSource, path: readonly string[]) {
    this.source = source;
    this.#path = path;
    this.#step = this.#indentationStep();
  }

  #sectionPairs(): MapPair[] {
    const pairs: MapPair[] = [];
    let node = this.source.doc.contents as Node | null;
    for (const key of this.#path) {
      const pair = isMap(node) ? findPair(node as Mapping, key) : undefined;
      if (!pair) break;
      if (isAlias(pair.value))
        throw new EditRefusal(
          `"${key}" is an alias (*${pair.value.source}); edit what it stands for by hand`,
        );
      pairs.push(pair);
      node = pair.value;
    }
    return pairs;
  }

  /** The list of channels; undefined where there is none yet. */
  list(): YAMLSeq<Node> | undefined {
    const section = this.#sectionPairs()[this.#path.length - 1]?.value;
    const pair = isMap(section) ? findPair(section as Mapping, 'channels') : undefined;
    if (isAlias(pair?.value))
      throw new EditRefusal(
        `"channels" is an alias (*${pair.value.source}); edit the list that it stands for by hand`,
      );
    return isSeq(pair?.value) ? (pair.value as YAMLSeq<Node>) : undefined;
  }

  /** Adds a channel at the end of the list, which is made where it is missing. */
  add(name: string): void {
    const { source } = this;
    const list = this.list();
    if (list && list.items.length > 0) {
      const last = list.items.at(-1)!;
      const text = nameText(name, nameNode(last));
      if (list.flow) source.insertIntoFlow(list, text);
      else source.insertLinesAfter(source.end(last), [`${this.#dashIndent(list)}- ${text}`]);
      return;
    }
    const text = nameText(name, undefined);
    const section = this.#sectionPairs()[this.#path.length - 1];
    const pair = isMap(section?.value) ? findPair(section.value as Mapping, 'channels') : undefined;
    if (pair) this.#addToEmptyList(section!.value as Mapping, pair, text);
    else if (section) this.#addList(section, text);
    else this.#addSection(text);
  }

  /** `channels:` with nothing, `null` or `[]` behind it. */
  #addToEmptyList(section: Mapping, pair: MapPair, text: string): void {
    const { source } = this;
    const value = pair.value;
    if (
      section.flow ||
      (isSeq(value) && !/^\[[ \t]*\]$/.test(source.text.slice(source.start(value), source.end(value))))
    ) {
      if (isSeq(value)) source.insertIntoFlow(value as YAMLSeq<Node>, text);
      else source.replace(source.afterColon(pair), source.end(pair), ` [${text}]`);
      return;
    }
    const colon = source.afterColon(pair);
    source.replace(colon, source.end(pair), '');
    const indent = source.column(source.start(pair)) + this.#listStep();
    source.insertLinesAfter(source.end(pair), [`${' '.repeat(indent)}- ${text}`]);
  }

  /** A section without the key `channels`, or without anything. */
  #addList(section: MapPair, text: string): void {
    const { source } = this;
    const { value } = section;
    if (isMap(value) && value.flow) {
      source.insertIntoFlow(value as Mapping, `channels: [${text}]`);
      return;
    }
    if (isMap(value) && value.items.length > 0) {
      const column = source.column(source.start(value.items[0] as MapPair));
      source.insertLinesAfter(source.end(value), this.#listLines(column, text));
      return;
    }
    if (this.#inFlow(section)) {
      source.replace(source.afterColon(section), source.end(section), ` { channels: [${text}] }`);
      return;
    }
    source.replace(source.afterColon(section), source.end(section), '');
    source.insertLinesAfter(
      source.end(section),
      this.#listLines(source.column(source.start(section)) + this.#step, text),
    );
  }

  #addSection(text: string): void {
    const { source } = this;
    const root = source.doc.contents as Node | null;
    if (isMap(root) && root.flow) {
      source.insertIntoFlow(root as Mapping, `twitch: { channels: [${text}] }`);
      return;
    }
    if (isMap(root) && root.items.length > 0) {
      const column = source.column(source.start(root.items[0] as MapPair));
      const lines = [`${' '.repeat(column)}twitch:`, ...this.#listLines(column + this.#step, text)];
      source.insertLinesAfter(source.end(root), lines);
      return;
    }
    source.appendLines(['twitch:', ...this.#listLines(this.#step, text)]);
  }

  #listLines(column: number, text: string): string[] {
    return [`${' '.repeat(column)}channels:`, `${' '.repeat(column + this.#listStep())}- ${text}`];
  }

  /** Takes the entry out, with its lines where it has lines of its own. */
  remove(index: number): void {
    const { source } = this;
    const list = this.list()!;
    if (list.flow) {
      source.removeFromFlow(list, index);
      return;
    }
    const dash = this.#dashes(list)[index]!;
    if (!source.firstInLine(dash))
      throw new EditRefusal('the entry does not stand on a line of its own; edit the file by hand');
    source.removeLines(dash, Math.max(dash + 1, source.end(list.items[index]!)));
    if (list.items.length > 1) return;
    const section = this.#sectionPairs().at(-1)!.value as Mapping;
    source.insert(source.afterColon(findPair(section, 'channels')!), ' []');
  }

  /** Gives the entry a setting, or takes it out. */
  set(index: number, key: SettingKey, value: SettingValue | undefined): void {
    const list = this.list()!;
    const item = list.items[index]!;
    if (isMap(item)) {
      this.#setInMapping(item as Mapping, key, value);
      return;
    }
    if (!isScalar(item)) throw new EditRefusal('the entry is an alias (*name); edit the file by hand');
    if (value === undefined) return;
    this.#mappingFromName(list, item, `${key}: ${value}`);
  }

  #mappingFromName(list: YAMLSeq<Node>, item: Scalar, setting: string): void {
    const { source } = this;
    if (item.type === Scalar.BLOCK_LITERAL || item.type === Scalar.BLOCK_FOLDED) {
      throw new EditRefusal('the name is written as a block of text; edit the file by hand');
    }
    const start = source.start(item as Node);
    const end = source.end(item as Node);
    const like = list.items.find((other) => isMap(other)) as Mapping | undefined;
    if (list.flow || like?.flow) {
      const space = like?.flow && source.text[source.start(like) + 1] !== ' ' ? '' : ' ';
      source.replace(start, end, `{${space}name: ${source.text.slice(start, end)}, ${setting}${space}}`);
      return;
    }
    source.insert(start, 'name: ');
    source.insertLinesAfter(end, [' '.repeat(source.column(start)) + setting]);
  }

  #setInMapping(item: Mapping, key: SettingKey, value: SettingValue | undefined): void {
    const { source } = this;
    const pair = findPair(item, key);
    if (value === undefined) {
      if (pair) this.#removePair(item, pair);
      return;
    }
    if (pair) {
      const empty = source.start(pair.value ?? pair.key) >= source.end(pair) || !pair.value;
      source.replace(
        empty ? source.afterColon(pair) : source.start(pair.value!),
        source.end(pair),
        `${empty ? ' ' : ''}${value}`,
      );
    } else if (item.flow) source.insertIntoFlow(item, `${key}: ${value}`);
    else {
      const column = source.column(source.start(item.items[0] as MapPair));
      source.insertLinesAfter(source.end(item), [`${' '.repeat(column)}${key}: ${value}`]);
    }
  }

  #removePair(item: Mapping, pair: MapPair): void {
    const { source } = this;
    const index = item.items.indexOf(pair);
    if (item.flow) {
      source.removeFromFlow(item, index);
      return;
    }
    const start = source.start(pair);
    if (source.firstInLine(start)) {
      source.removeLines(start, source.end(pair));
      return;
    }
    // The first pair stands behind the dash: the next one moves up, unless a comment is in between.
    const next = item.items[index + 1] as MapPair | undefined;
    if (!next) throw new EditRefusal('the entry has nothing but this setting; edit the file by hand');
    const between = source.text.slice(source.end(pair), source.start(next));
    if (between.trim() === '') source.replace(start, source.start(next), '');
    else
      source.replace(
        start - /[ \t]*$/.exec(source.text.slice(0, start))![0].length,
        source.lineEnd(source.end(pair)),
        '',
      );
  }

  #inFlow(section: MapPair): boolean {
    const root = this.source.doc.contents;
    if (isMap(root) && root.flow) return true;
    const parent = this.#sectionPairs().at(-2)?.value;
    return this.#path.length > 1 && parent !== section.value && isMap(parent) && parent.flow === true;
  }

  #dashes(list: YAMLSeq<Node>): number[] {
    const { items = [] } = list.srcToken as unknown as {
      items: { start: { type: string; offset: number }[] }[];
    };
    return items.flatMap(({ start }) =>
      start.filter(({ type }) => type === 'seq-item-ind').map(({ offset }) => offset),
    );
  }

  #dashIndent(list: YAMLSeq<Node>): string {
    return ' '.repeat(this.source.column(this.#dashes(list)[0]!));
  }

  /** How far the file indents a nested mapping. */
  #indentationStep(): number {
    const root = this.source.doc.contents as Node | null;
    if (!isMap(root)) return 2;
    for (const pair of root.items as MapPair[]) {
      const { value } = pair;
      if (!isMap(value) || value.flow || value.items.length === 0) continue;
      const step =
        this.source.column(this.source.start(value.items[0] as MapPair)) -
        this.source.column(this.source.start(pair));
      if (step > 0) return step;
    }
    return 2;
  }

  /** How far the file indents a list below its key: 0 where the dashes stand below the key. */
  #listStep(): number {
    const root = this.source.doc.contents as Node | null;
    if (!isMap(root)) return this.#step;
    const sections = (root.items as MapPair[]).flatMap((pair) => [
      pair,
      ...(isMap(pair.value) ? (pair.value.items as MapPair[]) : []),
    ]);
    for (const pair of sections) {
      const { value } = pair;
      if (!isSeq(value) || value.flow || value.items.length === 0) continue;
      const dash = this.#dashes(value as YAMLSeq<Node>)[0];
      if (dash !== undefined)
        return Math.max(0, this.source.column(dash) - this.source.column(this.source.start(pair)));
    }
    return this.#step;
  }
}

function findPair(map: Mapping, key: string): MapPair | undefined {
  return map.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key) as
    | MapPair
    | undefined;
}

function nameNode(item: Node): Node | undefined {
  return isMap(item) ? (findPair(item as Mapping, 'name')?.value ?? undefined) : item;
}

/** As YAML, quoted as its neighbour is, or where it must be. */
function nameText(name: string, neighbour: Node | undefined): string {
  const text = escapeFill(name);
  const style = isScalar(neighbour) ? neighbour.type : undefined;
  if (style === Scalar.QUOTE_SINGLE && /^[\x20-\x7e]*$/.test(text)) return `'${text.replaceAll("'", "''")}'`;
  const plain = /^[\w][\w.-]*$/.test(text) && parseDocument(text).toJS() === text;
  return plain && style !== Scalar.QUOTE_DOUBLE ? text : JSON.stringify(text);
}

/** A `${` in a name means itself. */
export function escapeFill(name: string): string {
  return name.replaceAll('${', () => '$${');
}
