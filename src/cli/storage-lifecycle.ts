/** `chatlog storage lifecycle`: rules that the bucket carries out by itself. */
import type { LifecycleRule } from '@aws-sdk/client-s3';
import {
  type LifecycleChange,
  lifecycleRules,
  mergeRules,
  parseTransition,
} from '../archive/cost/lifecycle-rules.ts';
import type { Config } from '../config/schema.ts';
import { ChatlogError } from '../lib/errors.ts';
import { escapeControl } from '../lib/escape-control.ts';
import { onSignals } from '../lib/on-signals.ts';
import { type ArchiveOptions, type OpenedArchive, openArchiveOf } from './archive-options.ts';
import { EXIT } from './exit-code.ts';
import type { Terminal } from './terminal.ts';

export interface LifecycleCommandOptions extends ArchiveOptions {
  transition?: string[];
  expireDays?: string;
  yes?: boolean;
}

export async function printLifecycle(options: LifecycleCommandOptions, terminal: Terminal): Promise<number> {
  const wanted = await wantedRules(options, terminal);
  if (!wanted) return EXIT.usage;
  using _archive = wanted.archive;
  terminal.out(JSON.stringify({ Rules: wanted.rules }, null, 2));
  return EXIT.ok;
}

/** Fails where the rules would change and `--yes` does not say that they may. */
export async function applyLifecycle(options: LifecycleCommandOptions, terminal: Terminal): Promise<number> {
  const wanted = await wantedRules(options, terminal);
  if (!wanted) return EXIT.usage;
  using archive = wanted.archive;
  const { openBucketLifecycle } = await import('../storage/s3-lifecycle.ts');
  using bucket = await openBucketLifecycle(wanted.s3);
  const stop = new AbortController();
  const removeSignals = onSignals({
    stop: () => stop.abort(new ChatlogError('stopped', 'stopped')),
    reload() {},
  });
  try {
    const change = mergeRules(await bucket.get(stop.signal), wanted.rules, wanted.s3.prefix);
    printChange(archive.store.name, change, terminal);
    if (change.added.length + change.removed.length === 0) {
      terminal.out('Nothing to change.');
      return EXIT.ok;
    }
    if (!options.yes) {
      terminal.err('Nothing was changed yet: add --yes to do it.');
      return EXIT.failed;
    }
    await bucket.put(change.rules, stop.signal);
    terminal.out('Done.');
    return EXIT.ok;
  } finally {
    removeSignals();
  }
}

interface WantedRules {
  archive: OpenedArchive;
  s3: NonNullable<OpenedArchive['s3']>;
  rules: LifecycleRule[];
}

/** Undefined after it was printed what is wrong with the options. */
async function wantedRules(
  options: LifecycleCommandOptions,
  terminal: Terminal,
): Promise<WantedRules | undefined> {
  const problems: string[] = [];
  const transitions = (options.transition ?? []).flatMap((text) => {
    const parsed = parseTransition(text);
    if ('storageClass' in parsed) return parsed;
    problems.push(`--transition ${escapeControl(text)}: ${parsed.problem}`);
    return [];
  });
  const { expireDays: days } = options;
  if (days !== undefined && !/^[1-9]\d{0,4}$/.test(days))
    problems.push(`--expire-days should be a number of days, found "${escapeControl(days)}"`);
  const expireDays = days === undefined ? undefined : Number(days);
  if (problems.length > 0) {
    for (const problem of problems) terminal.err(problem);
    return undefined;
  }
  const archive = await openArchiveOf(options, terminal);
  if (!archive) return undefined;
  const { s3, config } = archive;
  if (!s3) {
    archive[Symbol.dispose]();
    terminal.err('Lifecycle rules belong to a bucket; this archive is a directory.');
    terminal.err('Its objects expire by "object_retention_days" (docs/retention.md).');
    return undefined;
  }
  for (const warning of warnings(config, expireDays)) terminal.err(`warning: ${warning}`);
  return { archive, s3, rules: lifecycleRules({ prefix: s3.prefix, transitions, expireDays }) };
}

/** What takes objects without asking must not get ahead of what asks. */
function warnings(config: Config | undefined, expireDays: number | undefined): string[] {
  if (expireDays === undefined) return [];
  const expiry = `the bucket removes objects after ${expireDays} days whatever chatlog still needs them for`;
  const channels = config
    ? [
        config.defaults,
        ...(config.twitch?.channels ?? []),
        ...Object.values(config.irc).flatMap((network) => network.channels),
      ]
    : [];
  const has = (isSet: (channel: (typeof channels)[number]) => boolean) => channels.some(isSet);
  const found: string[] = [];
  if (has((channel) => 'pipelines' in channel && (channel.pipelines?.length ?? 0) > 0))
    found.push(`pipelines are configured, and ${expiry}: days that they have not run over are lost to them`);
  if (
    has((channel) => 'object_retention_days' in channel && typeof channel.object_retention_days === 'number')
  )
    found.push(`object_retention_days is configured, and ${expiry}: leave expiry to one of the two`);
  if (
    has(
      (channel) =>
        'retention_days' in channel &&
        typeof channel.retention_days === 'number' &&
        channel.retention_days > expireDays,
    )
  )
    found.push(
      `the index keeps its rows for longer (retention_days), and ${expiry}: rows go only when their objects are verified, so that these stay for ever`,
    );
  return found;
}

function printChange(name: string, { added, removed, kept }: LifecycleChange, terminal: Terminal): void {
  terminal.out(`${name}:`);
  const print = (mark: string, style: 'red' | 'green' | 'dim', rules: readonly LifecycleRule[]) => {
    for (const rule of rules)
      terminal.out(terminal.style(style, `  ${mark} ${escapeControl(JSON.stringify(rule))}`));
  };
  print('=', 'dim', kept);
  print('-', 'red', removed);
  print('+', 'green', added);
}
