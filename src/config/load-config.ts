/**
 * Reads a configuration: YAML, `${...}` filled in, checked against the schema, every problem at once with its place.
 * Bounded (see `LIMITS`) and never throwing for bad content.
 */
import { open, readFile, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { visit } from 'yaml';
import { errorText } from '../lib/errors.ts';
import { channelIdentity } from './channel-names.ts';
import { checkConsistency } from './check-consistency.ts';
import { explainIssues } from './explain-issues.ts';
import { type Lookup, referencedFiles } from './interpolate.ts';
import type { PathKey, Problem } from './problem.ts';
import { resolveFilePaths } from './resolve-file-paths.ts';
import { type Config, configSchema } from './schema.ts';
import { configSecrets } from './secret-paths.ts';
import { LIMITS, type Located, locate, parseYaml, readTree, type YamlTree } from './yaml-tree.ts';

export interface LoadedConfig {
  ok: true;
  /** Paths in it are absolute. */
  config: Config;
  warnings: Problem[];
  /** Values that no log line and no message may show. */
  secrets: string[];
  /** The file itself and every secret file it names, absolute. */
  files: string[];
}

export interface RefusedConfig {
  ok: false;
  /** At least one. */
  problems: Problem[];
  files: string[];
}

export type LoadResult = LoadedConfig | RefusedConfig;
type Env = Readonly<Record<string, string | undefined>>;

/** Reads and checks a file. A file that cannot be read is a problem, too. */
export async function loadConfig(file: string, env: Env = process.env): Promise<LoadResult> {
  const content = await readBounded(file);
  if ('problem' in content) {
    const problem = { file: shownName(file), line: 0, column: 0, path: '', message: content.problem };
    return { ok: false, problems: [problem], files: [resolve(file)] };
  }
  return checkConfigText(content.text, file, env);
}

/** As {@link loadConfig}, for a text that stands or will stand in `file`. */
export async function checkConfigText(
  text: string,
  file: string,
  env: Env = process.env,
): Promise<LoadResult> {
  const directory = dirname(resolve(file));
  const name = shownName(file);
  const files = [resolve(file)];
  const { doc, lines, problems } = parseYaml(name, text);
  if (!doc || problems.length > 0) return refuse(problems, files);

  const secretPaths = new Set<string>();
  visit(doc, {
    Scalar: (_, node) => {
      if (typeof node.value === 'string')
        for (const path of referencedFiles(node.value)) secretPaths.add(path);
    },
  });
  const lookup: Lookup = { env, files: await readSecretFiles([...secretPaths], directory) };
  files.push(...[...secretPaths].map((path) => resolve(directory, path)));

  const tree = readTree(name, doc, lines, lookup);
  if (isPlainText(tree.root.value)) {
    return refuse(
      [
        ...tree.problems,
        { file: name, line: 1, column: 1, path: '', message: 'should be a mapping ("key: value" lines)' },
      ],
      files,
    );
  }
  leaveOutUnsetStorage(tree);
  const parsed = parseValues(tree.root);
  const consistency = checkConsistency(name, tree);
  const explained = parsed.success ? [] : explainIssues(name, parsed.error.issues, tree);
  // What could not be filled in is then also empty, or of the wrong type: said once.
  const unfilled = new Set(tree.problems.map(({ line, column, path }) => `${line}:${column}:${path}`));
  const found = [
    ...tree.problems,
    ...explained.filter(({ line, column, path }) => !unfilled.has(`${line}:${column}:${path}`)),
    ...consistency.problems,
  ];
  if (!parsed.success || found.length > 0) return refuse(found, files);
  const config = resolveFilePaths(withoutDuplicates(parsed.data), directory);
  return {
    ok: true,
    config,
    warnings: consistency.warnings,
    secrets: [...new Set([...configSecrets(config), ...tree.secrets])],
    files,
  };
}

/**
 * An `s3` block whose bucket is filled in from the environment and comes out empty counts as left out, so that one file
 * serves with object storage and without: setting the variables is all it takes.
 */
function leaveOutUnsetStorage(tree: YamlTree): void {
  const bucket = tree.root.children.get('s3')?.children.get('bucket');
  if (bucket?.filledIn === undefined || (bucket.value !== null && bucket.value !== '')) return;
  tree.root.children.delete('s3');
  delete (tree.root.value as Record<string, unknown>).s3;
}

/** Channels named twice alike were warned of; the first counts. */
function withoutDuplicates(config: Config): Config {
  const unique = <T extends { name: string }>(platform: string, channels: T[]): T[] => {
    const byIdentity = new Map<string, T>();
    for (const channel of channels) {
      const identity = channelIdentity(platform, channel.name);
      if (!byIdentity.has(identity)) byIdentity.set(identity, channel);
    }
    return [...byIdentity.values()];
  };
  const { twitch } = config;
  const networks = Object.entries(config.irc).map(([name, network]) => {
    return [name, { ...network, channels: unique(`irc-${name}`, network.channels) }] as const;
  });
  return {
    ...config,
    irc: Object.fromEntries(networks),
    ...(twitch ? { twitch: { ...twitch, channels: unique('twitch', twitch.channels) } } : {}),
  };
}

function isPlainText(value: unknown): boolean {
  return value !== null && (typeof value !== 'object' || Array.isArray(value));
}

/** In the order of the file, each once, and not more than a person would read. */
function refuse(problems: readonly Problem[], files: string[]): RefusedConfig {
  const seen = new Map(
    problems.map((problem) => [
      `${problem.line}:${problem.column}:${problem.path}:${problem.message}`,
      problem,
    ]),
  );
  const sorted = [...seen.values()].sort((a, b) => a.line - b.line || a.column - b.column);
  const shown = sorted.slice(0, LIMITS.problems);
  if (sorted.length > shown.length) {
    const message = `and ${sorted.length - shown.length} more problems`;
    shown.push({ file: shown[0]!.file, line: 0, column: 0, path: '', message });
  }
  return { ok: false, problems: shown, files };
}

/**
 * A word filled in from outside may look like a number where a text is wanted (a password of digits): it is then
 * taken as the text it was.
 */
function parseValues(root: Located) {
  const parsed = configSchema.safeParse(prepare(root, []));
  if (parsed.success) return parsed;
  let retry = false;
  for (const issue of parsed.error.issues) {
    if (issue.code !== 'invalid_type' && issue.code !== 'invalid_union') continue;
    const paths =
      issue.code === 'invalid_union'
        ? issue.errors.flat().map((inner) => [...issue.path, ...inner.path])
        : [issue.path];
    for (const path of paths) {
      const { found, exact } = locate(root, path as PathKey[]);
      if (!exact || found.filledIn === undefined || typeof found.value === 'string' || found.value === null)
        continue;
      found.value = found.filledIn;
      retry = true;
    }
  }
  return retry ? configSchema.safeParse(prepare(root, [])) : parsed;
}

/** Plain values for the schema. A key without a value counts as left out; a text filled in with nothing, too. */
function prepare(node: Located, path: PathKey[]): unknown {
  if (node.filledIn === '') node.value = null;
  if (Array.isArray(node.value))
    return [...node.children].map(([index, child]) => prepare(child, [...path, index]));
  if (node.children.size > 0) {
    const value: Record<string, unknown> = Object.create(null);
    for (const [key, child] of node.children) value[key] = prepare(child, [...path, key]) ?? undefined;
    return value;
  }
  // A network without a body is not left out: it lacks its host.
  if (node.value === null && path.length === 2 && path[0] === 'irc') return {};
  if (node.value === null && path.length === 0) return {};
  return node.value;
}

async function readBounded(file: string): Promise<{ text: string } | { problem: string }> {
  try {
    const info = await stat(file);
    if (info.isDirectory()) return { problem: 'is a directory; should be a YAML file' };
    const handle = await open(file, 'r');
    try {
      const buffer = Buffer.alloc(LIMITS.fileBytes + 1);
      let length = 0;
      while (length < buffer.length) {
        const { bytesRead } = await handle.read(buffer, length, buffer.length - length);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      if (length > LIMITS.fileBytes) return { problem: `is larger than ${LIMITS.fileBytes / 1024} KiB` };
      return {
        text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(buffer.subarray(0, length)),
      };
    } finally {
      await handle.close();
    }
  } catch (error) {
    return { problem: readProblem(error) };
  }
}

function readProblem(error: unknown): string {
  const { code } = error as { code?: string };
  if (code === 'ENOENT') return 'does not exist';
  if (code === 'EACCES') return 'may not be read by this user';
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'is not UTF-8 text';
  return `cannot be read: ${errorText(error)}`;
}

const SECRET_FILE_BYTES = 64 * 1024;

async function readSecretFiles(paths: readonly string[], directory: string): Promise<Lookup['files']> {
  const entries = await Promise.all(
    paths.map(async (path) => [path, await readSecretFile(resolve(directory, path))] as const),
  );
  return new Map(entries);
}

async function readSecretFile(path: string): Promise<{ text: string } | { problem: string }> {
  try {
    const info = await stat(path);
    if (!info.isFile()) return { problem: 'is not a file' };
    if (info.size > SECRET_FILE_BYTES) return { problem: `is larger than ${SECRET_FILE_BYTES / 1024} KiB` };
    return { text: (await readFile(path, 'utf8')).replace(/[\r\n]+$/, '') };
  } catch (error) {
    return { problem: readProblem(error) };
  }
}

/** Problems name the file as it was given where that is short, else by its last part. */
function shownName(file: string): string {
  return file.length > 60 ? basename(file) : file;
}
