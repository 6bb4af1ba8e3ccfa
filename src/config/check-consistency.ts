/**
 * What no single key can tell: keys that need or contradict each other, channels named twice. Works on the values
 * as they were read, so that these problems are reported together with all others.
 */

import { Cron } from 'croner';
import { errorText } from '../lib/errors.ts';
import { channelIdentity } from './channel-names.ts';
import { didYouMean } from './nearest-word.ts';
import { formatPath, type PathKey, type Problem, quote } from './problem.ts';
import { SCHEDULE_PATTERN } from './schema.ts';
import { type Located, locate, type YamlTree } from './yaml-tree.ts';

export interface Consistency {
  problems: Problem[];
  warnings: Problem[];
}

type Report = (path: readonly PathKey[], message: string) => void;

export function checkConsistency(file: string, tree: YamlTree): Consistency {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const into =
    (list: Problem[]): Report =>
    (path, message) => {
      const { found } = locate(tree.root, path);
      list.push({ file, ...tree.place(found.keyOffset), path: formatPath(path), message });
    };
  const problem = into(problems);
  const warning = into(warnings);
  const value = (...path: PathKey[]) => {
    const { found, exact } = locate(tree.root, path);
    return exact && found.value !== null ? found.value : undefined;
  };

  checkTwitch(value, problem, warning);
  checkStorage(value, problem);
  checkCompression(value, problem, warning);
  checkBackoff(['twitch'], value, problem);
  checkBackoff(['upload'], value, problem);
  checkSchedule(value, problem);
  checkBackoff(['maintenance'], value, problem, MAINTENANCE_BACKOFF);
  checkPipelineNames(tree, problem);
  checkDuplicates(tree, ['twitch', 'channels'], 'twitch', problem, warning);
  for (const network of tree.root.children.get('irc')?.children.keys() ?? []) {
    checkNetwork(['irc', network], value, problem, warning);
    checkBackoff(['irc', network], value, problem);
    checkDuplicates(tree, ['irc', network, 'channels'], `irc-${network}`, problem, warning);
  }
  return { problems, warnings };
}

type ValueAt = (...path: PathKey[]) => unknown;

function checkTwitch(value: ValueAt, problem: Report, warning: Report): void {
  const oauth = value('twitch', 'oauth') !== undefined;
  const username = value('twitch', 'username') !== undefined;
  if (oauth && !username)
    problem(['twitch', 'oauth'], 'needs "username" too: the login of the account that the token belongs to');
  if (username && !oauth)
    warning(['twitch', 'username'], 'is not used without "oauth"; connecting anonymously');
  checkTls(['twitch'], value, warning);
}

function checkStorage(value: ValueAt, problem: Report): void {
  const id = value('s3', 'access_key_id') !== undefined;
  const key = value('s3', 'secret_access_key') !== undefined;
  const both = 'give both keys, or neither (then the AWS environment variables, profile or role are used)';
  if (id && !key) problem(['s3', 'access_key_id'], `"secret_access_key" is missing; ${both}`);
  if (key && !id) problem(['s3', 'secret_access_key'], `"access_key_id" is missing; ${both}`);
  if (value('s3', 'session_token') !== undefined && !id && !key) {
    problem(['s3', 'session_token'], 'needs "access_key_id" and "secret_access_key" too');
  }
}

function checkNetwork(network: PathKey[], value: ValueAt, problem: Report, warning: Report): void {
  checkTls(network, value, warning);
  const sasl = [...network, 'sasl'];
  if (value(...sasl) === undefined) return;
  if (value(...sasl, 'mechanism') === 'EXTERNAL') {
    if (value(...sasl, 'cert_file') === undefined)
      problem(sasl, 'EXTERNAL needs "cert_file", the PEM file of the client certificate');
    return;
  }
  for (const key of ['account', 'password']) {
    if (value(...sasl, key) === undefined) problem(sasl, `PLAIN needs "${key}"`);
  }
}

function checkTls(base: PathKey[], value: ValueAt, warning: Report): void {
  const tls = value(...base, 'tls');
  if (tls === false && value(...base, 'tls_ca_file') !== undefined)
    warning([...base, 'tls_ca_file'], 'is not used with "tls: false"');
  if (tls !== false && value(...base, 'port') === 6667) {
    warning(
      [...base, 'port'],
      '6667 is the usual port without TLS; add "tls: false", or use the TLS port (6697)',
    );
  }
}

/** Defaults of `backoff` in the schema. */
const BACKOFF = { min: 1, max: 300 };
const MAINTENANCE_BACKOFF = { min: 60, max: 21_600 };

function checkBackoff(base: PathKey[], value: ValueAt, problem: Report, defaults = BACKOFF): void {
  const min = value(...base, 'backoff', 'min_seconds') ?? defaults.min;
  const max = value(...base, 'backoff', 'max_seconds') ?? defaults.max;
  if (typeof min !== 'number' || typeof max !== 'number' || min <= max) return;
  problem([...base, 'backoff'], `"min_seconds" (${min}) should not be more than "max_seconds" (${max})`);
}

/** What the schema lets through has the form of a cron expression; whether it is one only its reader knows. */
function checkSchedule(value: ValueAt, problem: Report): void {
  const schedule = value('maintenance', 'schedule');
  if (typeof schedule !== 'string' || !SCHEDULE_PATTERN.test(schedule)) return;
  const found = `found ${quote(schedule)}, `;
  const path = ['maintenance', 'schedule'];
  try {
    const next = new Cron(schedule, { timezone: 'UTC', paused: true }).nextRun();
    if (next === null) problem(path, `${found}which never comes`);
  } catch (error) {
    const why = errorText(error).replace(/^CronPattern: /, '');
    problem(path, `${found}should be a cron expression such as "10 4 * * *" (${why})`);
  }
}

/** A pipeline that a channel names must be there: its data would wait for it for ever. */
function checkPipelineNames({ root }: YamlTree, problem: Report): void {
  const known = [...(root.children.get('pipelines')?.children.keys() ?? [])].map(String);
  const check = (path: PathKey[], settings: Located | undefined) => {
    for (const [index, { value }] of settings?.children.get('pipelines')?.children ?? []) {
      if (typeof value !== 'string' || known.includes(value)) continue;
      const all = known.length === 0 ? 'there are none below "pipelines"' : `there are: ${known.join(', ')}`;
      problem(
        [...path, 'pipelines', index],
        `no pipeline has the name ${quote(value)}${didYouMean(value, known) || `; ${all}`}`,
      );
    }
  };
  check(['defaults'], root.children.get('defaults'));
  const checkChannels = (base: PathKey[], platform: Located | undefined) => {
    for (const [index, channel] of platform?.children.get('channels')?.children ?? [])
      check([...base, 'channels', index], channel);
  };
  checkChannels(['twitch'], root.children.get('twitch'));
  for (const [network, platform] of root.children.get('irc')?.children ?? [])
    checkChannels(['irc', network], platform);
}

function checkCompression(value: ValueAt, problem: Report, warning: Report): void {
  const level = value('recorder', 'compression_level');
  const compression = value('recorder', 'compression');
  if (level === undefined) return;
  const path = ['recorder', 'compression_level'];
  if (compression === 'gzip' && typeof level === 'number' && level > 9 && level <= 19)
    problem(path, `found ${level}, should be from 1 to 9 for gzip`);
  if (compression === 'none') warning(path, 'is not used with "compression: none"');
}

function checkDuplicates(
  tree: YamlTree,
  path: PathKey[],
  platform: string,
  problem: Report,
  warning: Report,
): void {
  const { found, exact } = locate(tree.root, path);
  if (!exact) return;
  const first = new Map<string, { index: PathKey; settings: string; line: number }>();
  for (const [index, entry] of found.children) {
    const name = nameOf(entry);
    if (name === undefined) continue;
    const identity = channelIdentity(platform, name);
    const settings = settingsOf(entry);
    const earlier = first.get(identity);
    if (!earlier) {
      first.set(identity, { index, settings, line: tree.place(entry.offset).line });
      continue;
    }
    const where = `is there already on line ${earlier.line}`;
    if (earlier.settings === settings) warning([...path, index], where);
    else problem([...path, index], `${where} with other settings; keep one of the two`);
  }
}

function nameOf(entry: Located): string | undefined {
  if (typeof entry.value === 'string') return entry.value;
  const name = entry.children.get('name')?.value;
  return typeof name === 'string' ? name : undefined;
}

function settingsOf(entry: Located): string {
  const settings = [...entry.children].filter(([key, child]) => key !== 'name' && child.value !== null);
  return JSON.stringify(settings.map(([key, child]) => [key, child.value]).sort());
}
