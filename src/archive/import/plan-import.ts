/** Looks at every source before anything is imported: what it is, how much there is, and what has to be stated first. */
import { ChatlogError, errorText } from '../../lib/errors.ts';
import { detectFormat } from './detect-format.ts';
import { type FoundSource, findSources } from './find-sources.ts';
import type { ImportFormat, ImportSettings } from './import-format.ts';
import { openSource, type Source } from './read-source.ts';

export interface PlannedFormat {
  format: ImportFormat;
  files: number;
  /** Of the first file. */
  why: string;
  example: string;
}

/** One and the same of several files. */
export interface PlanProblem {
  message: string;
  hint: string | undefined;
  files: number;
  example: string;
}

export interface ImportPlan {
  files: number;
  bytes: number;
  formats: PlannedFormat[];
  /** What keeps the import from beginning. */
  problems: PlanProblem[];
  /** Files in directories that are of no known format: how many, and the first of them. */
  unknown: { files: number; examples: string[] };
}

export interface ImportRequest {
  paths: readonly string[];
  settings: ImportSettings;
  format: ImportFormat | undefined;
  /** Sources that can be read only once, while they are only looked at. */
  opened: Map<string, Promise<Source>>;
}

const EXAMPLES_MAX = 5;

/** Throws `import_source_missing`. What can be read only once stays open for {@link openFound}. */
export async function planImport(
  request: ImportRequest,
  signal: AbortSignal,
  onFile: (files: number) => void = () => {},
): Promise<ImportPlan> {
  const plan: ImportPlan = {
    files: 0,
    bytes: 0,
    formats: [],
    problems: [],
    unknown: { files: 0, examples: [] },
  };
  for await (const found of findSources(request.paths)) {
    signal.throwIfAborted();
    await planOne(found, request, plan);
    onFile(plan.files);
  }
  return plan;
}

async function planOne(found: FoundSource, request: ImportRequest, plan: ImportPlan): Promise<void> {
  const { path, bytes, isOnce } = found;
  try {
    const source = await openFound(found, request);
    try {
      if (source.info.head.length === 0) return;
      const { format, why } = detectFormat(source.info, request.format);
      demandUnsaid(format, request.settings);
      await format.open(source.info);
      plan.files++;
      plan.bytes += bytes;
      const planned = plan.formats.find((each) => each.format === format);
      if (planned) planned.files++;
      else plan.formats.push({ format, files: 1, why, example: source.info.path });
    } finally {
      if (!isOnce) await source[Symbol.asyncDispose]();
    }
  } catch (error) {
    if (isUnknown(found, error)) {
      plan.unknown.files++;
      if (plan.unknown.examples.length < EXAMPLES_MAX) plan.unknown.examples.push(path);
      return;
    }
    const message = errorText(error);
    const problem = plan.problems.find((each) => each.message === message);
    if (problem) problem.files++;
    else plan.problems.push({ message, hint: hintOf(error), files: 1, example: path });
  }
}

/** Directories hold other files, too. */
export function isUnknown({ isNamed }: FoundSource, error: unknown): boolean {
  return !isNamed && error instanceof ChatlogError && error.code === 'import_format_unknown';
}

/** Throws `import_option_unused` for what is stated and would not be heeded. */
function demandUnsaid({ name, says = [] }: ImportFormat, settings: ImportSettings): void {
  const stated = says.filter((what) => settings[what] !== undefined);
  if (stated.length === 0) return;
  const options = stated.map((what) => `--${what}`).join(' and ');
  throw new ChatlogError(
    'import_option_unused',
    `${options} cannot be stated for ${name}: its records say it`,
  );
}

function hintOf(error: unknown): string | undefined {
  return error instanceof ChatlogError ? error.hint : undefined;
}

/** What can be read only once is opened once: whoever asks again gets the same, with its beginning. */
export function openFound(
  { path, isOnce }: FoundSource,
  { settings, opened }: Pick<ImportRequest, 'settings' | 'opened'>,
): Promise<Source> {
  if (!isOnce) return openSource(path, settings);
  const source = opened.get(path) ?? openSource(path, settings);
  opened.set(path, source);
  return source;
}
