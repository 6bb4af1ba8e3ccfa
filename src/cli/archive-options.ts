/** What the commands over the archive have in common: which archive, and what of it. */
import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import type { ArchiveAccess } from '../archive/open-archive.ts';
import type { Selection } from '../archive/selection.ts';
import type { ArchiveUser } from '../archive-query/archive-request.ts';
import type { Config, S3Config } from '../config/schema.ts';
import { escapeControl } from '../lib/escape-control.ts';
import { parseDuration, parseTime, resolveTime } from '../lib/parse-time.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { openConfig } from './open-config.ts';
import type { Terminal } from './terminal.ts';

export interface ArchiveOptions {
  config: string;
  archive?: string;
}

export interface SelectionOptions {
  platform?: string[];
  channel?: string[];
  since?: string;
  until?: string;
  last?: string;
  user?: string[];
}

/** Adds `--archive`. */
export function addArchiveOption(command: Command): Command {
  return command.option(
    '--archive <place>',
    'a directory or s3://bucket/prefix, in place of the configured storage',
  );
}

/** Adds `--platform`, `--channel`, `--since`, `--until`, `--last` and, where lines are read, `--user`. */
export function addSelectionOptions(command: Command, { users = true } = {}): Command {
  command
    .option('-p, --platform <name>', 'twitch, or irc-<network>; may be repeated', collect)
    .option('--channel <glob>', 'a name, or x*, or twitch/xqc; may be repeated', collect)
    .option('--since <time>', 'from this time on: 2026-11-01, 2026-11-01T12:00:00Z, or 7d (ago); UTC')
    .option('--until <time>', 'before this time; a day alone means its beginning')
    .option('--last <duration>', 'in place of --since: 90m, 12h, 7d, 4w');
  if (users)
    command.option('--user <name|id>', 'who wrote it or whom it happened to; may be repeated', collect);
  return command;
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

/** Everything that is wrong with the options at once, or what they select. */
export function parseSelection(
  options: SelectionOptions,
  nowMs: number,
): { selection: Selection } | { problems: string[] } {
  const { platform = [], channel = [], user = [], since, until, last } = options;
  const problems: string[] = [];
  const wrong = (option: string, should: string, text: string) =>
    problems.push(`${option} should be ${should}, found "${escapeControl(text)}"`);
  const timeOf = (option: string, text: string | undefined) => {
    if (text === undefined) return undefined;
    const time = parseTime(text);
    if (time) return resolveTime(time, nowMs);
    wrong(option, 'a time such as 2026-11-21, 2026-11-21T13:00:00Z, 7d (ago) or now', text);
    return undefined;
  };
  for (const name of platform)
    if (!/^[a-z0-9][a-z0-9-]*$/.test(name)) wrong('--platform', 'twitch, or irc-<network>', name);
  for (const [option, texts] of Object.entries({ '--channel': channel, '--user': user }))
    if (texts.includes('')) wrong(option, 'a name', '');
  const sinceMs = timeOf('--since', since);
  const toMs = timeOf('--until', until);
  const lastMs = last === undefined ? undefined : parseDuration(last);
  if (last !== undefined && lastMs === undefined) wrong('--last', 'a duration such as 90m, 12h or 7d', last);
  if (last !== undefined && since !== undefined)
    problems.push('--last goes in place of --since, not with it');
  const fromMs = lastMs === undefined ? sinceMs : Math.max(0, (toMs ?? nowMs) - lastMs);
  if (fromMs !== undefined && toMs !== undefined && fromMs >= toMs)
    problems.push('--until should be after --since');
  if (problems.length > 0) return { problems };
  const users = user.flatMap(usersOf);
  return { selection: { platforms: platform, channels: channel, fromMs, toMs, users } };
}

/** `id:7` is an id; of digits alone it may be either. */
function usersOf(text: string): ArchiveUser[] {
  const id = /^id:(.+)$/su.exec(text)?.[1];
  if (id !== undefined) return [{ id, logins: [] }];
  const byName = { id: undefined, logins: [text.toLowerCase()] };
  return /^\d+$/.test(text) ? [byName, { id: text, logins: [] }] : [byName];
}

export interface OpenedArchive extends Disposable {
  store: ObjectStore;
  /** Undefined where the archive is a directory. */
  s3: S3Config | undefined;
  /** Undefined where `--archive` says it all. */
  config: Config | undefined;
}

/**
 * The archive that the options name, to be disposed of. Undefined after it was printed what is wrong with the
 * configuration: the command ends with `EXIT.usage`. Throws as `openArchive` does.
 */
export async function openArchiveOf(
  { config: file, archive: place }: ArchiveOptions,
  terminal: Terminal,
  access: ArchiveAccess = 'read',
): Promise<OpenedArchive | undefined> {
  const { archiveBucket, needsConfig, openArchive } = await import('../archive/open-archive.ts');
  const { createLogger } = await import('../lib/create-logger.ts');
  const isThere = await isFile(file);
  if (place === undefined && !isThere) {
    terminal.err(`Where is the archive? There is no ${file}.`);
    terminal.err('Name it with --archive DIR or --archive s3://bucket/prefix, or --config FILE.');
    return undefined;
  }
  const loaded = needsConfig(place) && isThere ? await openConfig(file, terminal) : undefined;
  if (!loaded && needsConfig(place) && isThere) return undefined;
  const secrets = loaded?.secrets ?? [];
  const log = await createLogger({ level: 'warn', format: 'auto', secrets, fd: 2 });
  const options = { place, config: loaded?.config };
  const s3 = archiveBucket(options);
  const store = await openArchive({ ...options, log, access });
  return { store, s3, config: loaded?.config, [Symbol.dispose]: () => store.close() };
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isFile(),
    () => false,
  );
}
