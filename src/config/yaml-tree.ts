/**
 * YAML text to plain values that know where they stand in the file. Bounded in every direction, because a
 * configuration may come from anywhere: bytes, tokens, depth, expanded aliases. Never throws for bad content.
 */

import type { Node, Pair, YAMLMap } from 'yaml';
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  parseDocument,
  Scalar,
} from 'yaml';
import { interpolate, type Lookup } from './interpolate.ts';
import { formatPath, type PathKey, type Problem } from './problem.ts';

export const LIMITS = {
  fileBytes: 1024 * 1024,
  tokens: 400_000,
  depth: 32,
  nodes: 200_000,
  aliases: 1_000,
  /** Problems reported; beyond it only their number. */
  problems: 100,
} as const;

/** A value with its place. `children` are by key of a mapping or index of a list. */
export interface Located {
  value: unknown;
  /** Where the value begins, in UTF-16 units from the start of the text. */
  offset: number;
  /** Where its key begins; for list items and the root the same as `offset`. */
  keyOffset: number;
  children: Map<PathKey, Located>;
  /** The text behind a value that was filled in by `${...}` and is not to be shown; undefined otherwise. */
  filledIn?: string;
}

export interface YamlTree {
  root: Located;
  problems: Problem[];
  /** Values that came from `${file:...}`. */
  secrets: string[];
  place(offset: number): { line: number; column: number };
}

/** The document, or why it cannot be read at all. */
export function parseYaml(
  file: string,
  text: string,
  options: { keepSourceTokens?: boolean } = {},
): { doc?: Document.Parsed; lines: LineCounter; problems: Problem[] } {
  const lines = new LineCounter();
  const tooMuch = overLimit(text);
  if (tooMuch) return { lines, problems: [{ file, line: 0, column: 0, path: '', message: tooMuch }] };
  const doc = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    // Duplicates are found in `readTree`, in linear time.
    uniqueKeys: false,
    logLevel: 'error',
    keepSourceTokens: options.keepSourceTokens ?? false,
  });
  const found = withoutEchoes(text, [...doc.errors, ...doc.warnings]).slice(0, LIMITS.problems + 1);
  const problems = found.map((error): Problem => {
    const { line, col } = lines.linePos(Math.min(error.pos[0], text.length));
    return {
      file,
      line: Math.max(1, line),
      column: Math.max(1, col),
      path: '',
      message: syntaxMessage(error.message, lineAt(text, error.pos[0])),
    };
  });
  return { doc, lines, problems };
}

/** One tab where spaces should be makes the parser complain of all that follows: the first says it. */
function withoutEchoes<T extends { pos: [number, number] }>(text: string, errors: readonly T[]): T[] {
  const ofTab = errors.filter(({ pos }) => TAB_INDENTED.test(lineAt(text, pos[0])));
  return errors.filter((error) => error === ofTab[0] || !ofTab.includes(error));
}

const TAB_INDENTED = /^\s*\t/;

function lineAt(text: string, offset: number): string {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  const end = text.indexOf('\n', offset);
  return text.slice(start, end === -1 ? start + 200 : Math.min(end, start + 200));
}

/** The parser's own sentence, with what most often stands behind it. */
function syntaxMessage(message: string, line: string): string {
  if (message.startsWith('Maximum call stack')) return `nested too deeply; at most ${LIMITS.depth} levels`;
  const text = `not valid YAML: ${quoteFree(message)}`;
  if (TAB_INDENTED.test(line)) return `${text} (YAML is indented with spaces, not tabs)`;
  if (/[[{,].*\$\{/.test(line)) return `${text} (inside [ ] and { } write "\${VAR}" in quotes)`;
  return text;
}

function quoteFree(message: string): string {
  const line = message.split('\n', 1)[0]!;
  return line.length > 160 ? `${line.slice(0, 160)}...` : line;
}

/** Counts tokens and open brackets before the parser recurses over them. */
function overLimit(text: string): string | undefined {
  if (text.includes('\0')) return 'holds NUL bytes; should be a YAML text file';
  let tokens = 0;
  let depth = 0;
  for (const token of new Lexer().lex(text)) {
    if (++tokens > LIMITS.tokens) return `too large: more than ${LIMITS.tokens} words and signs`;
    if (token === '[' || token === '{') depth++;
    else if (token === ']' || token === '}') depth--;
    if (depth > LIMITS.depth) return `nested too deeply; at most ${LIMITS.depth} levels`;
  }
  return undefined;
}

class LimitReached extends Error {}

/** Values of a parsed document, `${...}` filled in. `lookup` answers for variables and secret files. */
export function readTree(file: string, doc: Document.Parsed, lines: LineCounter, lookup: Lookup): YamlTree {
  const reader = new TreeReader(file, doc, lines, lookup);
  const problems = reader.problems;
  let root: Located = { value: null, offset: 0, keyOffset: 0, children: new Map() };
  try {
    if (doc.contents) root = reader.read(doc.contents, [], 0);
  } catch (error) {
    if (!(error instanceof LimitReached)) throw error;
    problems.push({ file, line: 0, column: 0, path: '', message: error.message });
  }
  return { root, problems, secrets: reader.secrets, place: (offset) => reader.place(offset) };
}

class TreeReader {
  readonly problems: Problem[] = [];
  readonly secrets: string[] = [];
  readonly #file: string;
  readonly #doc: Document.Parsed;
  readonly #lines: LineCounter;
  readonly #lookup: Lookup;
  readonly #anchors = new Map<string, Node>();
  #nodes = 0;
  #aliases = 0;

  constructor(file: string, doc: Document.Parsed, lines: LineCounter, lookup: Lookup) {
    this.#file = file;
    this.#doc = doc;
    this.#lines = lines;
    this.#lookup = lookup;
  }

  place(offset: number): { line: number; column: number } {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  read(node: Node, path: PathKey[], depth: number): Located {
    if (++this.#nodes > LIMITS.nodes)
      throw new LimitReached(`expands to more than ${LIMITS.nodes} values; look at its aliases (*name)`);
    if (depth > LIMITS.depth)
      throw new LimitReached(`nested too deeply; at most ${LIMITS.depth} levels (an alias may hold itself)`);
    if (isAlias(node)) return this.#readAlias(node.source, node.range?.[0] ?? 0, path, depth);
    if (node.anchor) this.#anchors.set(node.anchor, node);
    const offset = node.range?.[0] ?? 0;
    const located: Located = { value: null, offset, keyOffset: offset, children: new Map() };
    if (isScalar(node)) this.#readScalar(node, located, path);
    else if (isSeq(node)) {
      const values: unknown[] = [];
      for (const [index, item] of node.items.entries()) {
        const child = this.read(item as Node, [...path, index], depth + 1);
        located.children.set(index, child);
        values.push(child.value);
      }
      located.value = values;
    } else if (isMap(node)) this.#readMap(node, located, path, depth);
    return located;
  }

  #readAlias(anchor: string, offset: number, path: PathKey[], depth: number): Located {
    if (++this.#aliases > LIMITS.aliases)
      throw new LimitReached(`more than ${LIMITS.aliases} aliases (*name)`);
    const target = this.#anchors.get(anchor);
    // The parser has reported an alias without an anchor.
    if (!target) return { value: null, offset, keyOffset: offset, children: new Map() };
    return { ...this.read(target, path, depth + 1), offset, keyOffset: offset };
  }

  #readMap(node: YAMLMap, located: Located, path: PathKey[], depth: number): void {
    // Without a prototype, so that a key `__proto__` is a key like any other.
    const value: Record<string, unknown> = Object.create(null);
    const merged: Located[] = [];
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      const key = this.#key(pair, path);
      if (key === undefined) continue;
      const keyOffset = pair.key.range?.[0] ?? located.offset;
      const child = pair.value
        ? this.read(pair.value, [...path, key], depth + 1)
        : { value: null, offset: keyOffset, keyOffset, children: new Map() };
      if (key === '<<' && isMergeable(child)) {
        merged.push(child);
        continue;
      }
      const first = located.children.get(key);
      if (first) {
        this.#report(
          keyOffset,
          [...path, key],
          `is there twice; the first is on line ${this.place(first.keyOffset).line}`,
        );
        continue;
      }
      located.children.set(key, { ...child, keyOffset });
      value[key] = child.value;
    }
    for (const source of merged.flatMap((child) =>
      Array.isArray(child.value) ? [...child.children.values()] : [child],
    )) {
      for (const [key, child] of source.children) {
        if (located.children.has(key)) continue;
        located.children.set(key, child);
        value[key] = child.value;
      }
    }
    located.value = value;
  }

  #key(pair: Pair<Node, Node | null>, path: PathKey[]): string | undefined {
    if (isScalar(pair.key) && pair.key.value !== null && pair.key.value !== '') return String(pair.key.value);
    this.#report(
      pair.key?.range?.[0] ?? 0,
      path,
      'a key is missing or is not a plain word; should be "key: value"',
    );
    return undefined;
  }

  #readScalar(node: Scalar, located: Located, path: PathKey[]): void {
    located.value = node.value;
    if (typeof node.value !== 'string' || !node.value.includes('${')) return;
    const result = interpolate(node.value, this.#lookup);
    for (const message of result.problems) this.#report(located.offset, path, message);
    this.secrets.push(...result.secrets);
    if (!result.filledIn) {
      located.value = result.text;
      return;
    }
    located.filledIn = result.text;
    located.value = node.type === Scalar.PLAIN ? this.#resolvePlain(result.text) : result.text;
  }

  /** As the parser resolves an unquoted word: `8080` is a number, `true` a boolean, nothing is null. */
  #resolvePlain(text: string): unknown {
    for (const tag of this.#doc.schema.tags) {
      if ('test' in tag && tag.default === true && tag.test?.test(text))
        return unwrap(tag.resolve(text, () => {}, this.#doc.options as never));
    }
    return text === '' ? null : text;
  }

  #report(offset: number, path: PathKey[], message: string): void {
    if (this.problems.length <= LIMITS.problems) {
      this.problems.push({ file: this.#file, ...this.place(offset), path: formatPath(path), message });
    }
  }
}

function unwrap(resolved: unknown): unknown {
  return isScalar(resolved) ? resolved.value : resolved;
}

function isMergeable(child: Located): boolean {
  const isMapping = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
  return (
    isMapping(child.value) ||
    (Array.isArray(child.value) && child.value.length > 0 && child.value.every(isMapping))
  );
}

/** The value at a path, or the nearest above it that exists. */
export function locate(root: Located, path: readonly PathKey[]): { found: Located; exact: boolean } {
  let found = root;
  for (const key of path) {
    const child = found.children.get(key);
    if (!child) return { found, exact: false };
    found = child;
  }
  return { found, exact: true };
}
