/**
 * Zod's issues as problems that a person can act on: what was found, what would be right, and where. What would be
 * right is read from the JSON schema of the configuration, so that it is written down once.
 */
import { z } from 'zod';
import { didYouMean } from './nearest-word.ts';
import { formatPath, type PathKey, type Problem, quote } from './problem.ts';
import { configSchema } from './schema.ts';
import { isSecretPath } from './secret-paths.ts';
import { LIMITS, type Located, locate, type YamlTree } from './yaml-tree.ts';

type Issue = z.core.$ZodIssue;
type JsonSchema = z.core.JSONSchema.BaseSchema;

let cached: JsonSchema | undefined;

/** What may be written in the file, as JSON schema. */
function inputSchema(): JsonSchema {
  cached ??= z.toJSONSchema(configSchema, { io: 'input' }) as JsonSchema;
  return cached;
}

export function explainIssues(file: string, issues: readonly Issue[], tree: YamlTree): Problem[] {
  const schema = inputSchema();
  const explain = (issue: Issue, base: readonly PathKey[]): Problem[] => {
    const path = [...base, ...(issue.path as PathKey[])];
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key, index) => {
        const message = index < LIMITS.problems ? unknownKey(key, schema, path) : 'unknown key';
        return at(file, tree, [...path, key], message, true);
      });
    }
    if (issue.code === 'invalid_union') {
      const branch = issue.errors.find(
        (errors) => !errors.some((error) => error.path.length === 0 && error.code === 'invalid_type'),
      );
      if (branch && branch.length > 0) return branch.flatMap((inner) => explain(inner as Issue, path));
    }
    if (issue.code === 'invalid_key') {
      const reason = issue.issues[0]?.message ?? 'is no name';
      return [at(file, tree, path, `found the name ${quote(String(path.at(-1)))}, ${reason}`, true)];
    }
    return [at(file, tree, path, wrongValue(issue, path, schema, tree.root), false)];
  };
  return issues.flatMap((issue) => explain(issue, []));
}

function at(
  file: string,
  tree: YamlTree,
  path: readonly PathKey[],
  message: string,
  onKey: boolean,
): Problem {
  const { found, exact } = locate(tree.root, path);
  const offset = onKey || !exact ? found.keyOffset : found.offset;
  return { file, ...tree.place(offset), path: formatPath(path), message };
}

function wrongValue(issue: Issue, path: readonly PathKey[], schema: JsonSchema, root: Located): string {
  const { found, exact } = locate(root, path);
  const node = schemaAt(schema, path);
  const own = issue.code === 'custom' || issue.code === 'invalid_format' ? issue.message : undefined;
  const right = own ?? `should be ${node ? describe(node) : 'something else'}`;
  if (!exact) return `is missing; ${right}`;
  const hidden = found.filledIn !== undefined || isSecretPath(path) || mayHoldLogin(found.value);
  return `found ${describeFound(found.value, hidden)}, ${right}${advice(found, node, path)}`;
}

/** A URL with a user, a query or a fragment. */
function mayHoldLogin(value: unknown): boolean {
  return typeof value === 'string' && /:\/\/.*[@?#]/.test(value);
}

/** The slips that YAML invites. */
function advice(found: Located, node: JsonSchema | undefined, path: readonly PathKey[]): string {
  const { value } = found;
  const types = node ? typesOf(node) : new Set<string>();
  if (value === null && typeof path.at(-1) === 'number')
    return ' (a # begins a comment: put "#name" in quotes)';
  if (typeof value === 'number' && types.has('string')) return ' (put it in quotes)';
  if (typeof value === 'boolean' && types.has('string')) return ' (put it in quotes)';
  if (typeof value !== 'string') return '';
  if (types.has('array')) return ' (each on a line of its own, after "- ")';
  const isNumber = value.trim() !== '' && Number.isFinite(Number(value));
  if (isNumber && (types.has('number') || types.has('integer'))) return ' (without quotes)';
  return '';
}

function describeFound(value: unknown, hidden: boolean): string {
  if (value === null || value === undefined || value === '')
    return value === '' ? 'an empty text' : 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (hidden) return `a ${typeof value === 'string' ? 'text' : typeof value} (not shown)`;
  return typeof value === 'string' ? quote(value) : String(value);
}

function unknownKey(key: string, schema: JsonSchema, parent: readonly PathKey[]): string {
  const known = Object.keys(
    branches(schemaAt(schema, parent)).find((node) => node.properties)?.properties ?? {},
  );
  const near = didYouMean(key, known);
  if (near !== '') return `unknown key${near}`;
  const elsewhere = Object.entries(schema.properties ?? {}).find(
    ([section, node]) => section !== parent[0] && hasKey(node as JsonSchema, key),
  );
  if (elsewhere) return `unknown key here; it belongs under "${elsewhere[0]}"`;
  return `unknown key; known here: ${known.join(', ')}`;
}

function hasKey(node: JsonSchema, key: string): boolean {
  return branches(node).some(
    (branch) => branch.properties !== undefined && Object.hasOwn(branch.properties, key),
  );
}

/** The part of the schema that a path leads to. */
function schemaAt(schema: JsonSchema, path: readonly PathKey[]): JsonSchema | undefined {
  let nodes = branches(schema);
  for (const key of path) {
    nodes = nodes.flatMap((node) => branches(childSchema(node, key)));
  }
  return nodes.length > 1 ? { anyOf: nodes } : nodes[0];
}

function childSchema(node: JsonSchema, key: PathKey): JsonSchema | undefined {
  if (typeof key === 'number') return node.items as JsonSchema | undefined;
  if (node.properties && Object.hasOwn(node.properties, key)) return node.properties[key] as JsonSchema;
  return typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined;
}

function branches(node: JsonSchema | undefined): JsonSchema[] {
  if (!node) return [];
  return node.anyOf ? (node.anyOf as JsonSchema[]).flatMap(branches) : [node];
}

function typesOf(node: JsonSchema): Set<string> {
  return new Set(branches(node).map((branch) => String(branch.type)));
}

function describe(node: JsonSchema): string {
  if (node.anyOf) return branches(node).map(describe).join(' or ');
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.enum) return `one of ${node.enum.map((value) => JSON.stringify(value)).join(', ')}`;
  switch (node.type) {
    case 'boolean':
      return 'true or false';
    case 'integer':
      return `a whole number${bounds(node)}`;
    case 'number':
      return `a number${bounds(node)}`;
    case 'array':
      return 'a list';
    case 'object':
      return 'a mapping ("key: value" lines)';
    default:
      return 'a text';
  }
}

function bounds({ minimum, exclusiveMinimum, maximum }: JsonSchema): string {
  const above = exclusiveMinimum === undefined ? undefined : `greater than ${exclusiveMinimum}`;
  if (maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER) {
    if (above) return ` ${above}`;
    return minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER ? '' : ` of at least ${minimum}`;
  }
  if (above) return ` ${above}, at most ${maximum}`;
  return minimum === undefined ? ` of at most ${maximum}` : ` from ${minimum} to ${maximum}`;
}
