import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseSetting } from '../config/channel-setting.ts';
import { type ChannelEdit, editChannels } from '../config/edit-channels.ts';
import { checkConfigText } from '../config/load-config.ts';
import { type EffectiveChannel, resolveChannels } from '../config/resolve-channels.ts';
import { escapeControl } from '../lib/escape-control.ts';
import { explainFileError, explainingFileErrors } from '../lib/explain-file-error.ts';
import { writeFileAtomic } from '../lib/write-file-atomic.ts';
import { EXIT } from './exit-code.ts';
import { openConfig, printProblems } from './open-config.ts';
import { type Cell, type Terminal, table } from './terminal.ts';

interface Options {
  config: string;
  platform: string;
}

/** `chatlog channels list`: every channel with what is in effect for it. */
export async function listChannels(
  options: { config: string; platform?: string; json?: boolean },
  terminal: Terminal,
): Promise<number> {
  const loaded = await openConfig(options.config, terminal);
  if (!loaded) return EXIT.usage;
  const platforms = resolveChannels(loaded.config);
  if (options.platform !== undefined && !platforms.has(options.platform)) {
    const known = [...platforms.keys()].join(', ') || 'none';
    terminal.err(
      `No platform "${escapeControl(options.platform)}" in ${options.config}; there are: ${known}`,
    );
    return EXIT.usage;
  }
  const channels = [...platforms].flatMap(([platform, list]) =>
    options.platform === undefined || options.platform === platform ? list : [],
  );
  // Keys open channels: they are not for the screen.
  if (options.json)
    terminal.out(
      JSON.stringify(
        channels.map(({ key: _key, ...channel }) => channel),
        null,
        2,
      ),
    );
  else if (channels.length === 0) terminal.out('No channels yet: chatlog channels add NAME');
  else terminal.out(channelTable(channels, terminal));
  return EXIT.ok;
}

function channelTable(channels: readonly EffectiveChannel[], terminal: Terminal): string {
  const rows = channels.map((channel): Cell[] => [
    { text: channel.platform },
    { text: channel.name, style: 'bold' },
    channel.enabled ? { text: 'yes', style: 'green' } : { text: 'no', style: 'yellow' },
    { text: `${+(channel.samplingRate * 100).toPrecision(6)} %`, align: 'right' },
    {
      text: channel.retentionDays === 'forever' ? 'forever' : `${channel.retentionDays} days`,
      align: 'right',
    },
    { text: channel.presence ? 'yes' : 'no' },
  ]);
  return table(terminal, ['PLATFORM', 'CHANNEL', 'ENABLED', 'KEPT', 'RETENTION', 'PRESENCE'], rows);
}

/** `chatlog channels add`. What is there already is no error. */
export function addChannels(names: readonly string[], options: Options, terminal: Terminal): Promise<number> {
  const edits = names.map((name): ChannelEdit => ({ action: 'add', name }));
  return edit(edits, options, (done) => `added ${namesOf(done)}`, terminal);
}

function namesOf(edits: readonly ChannelEdit[]): string {
  return edits.map(({ name }) => name).join(', ');
}

/** `chatlog channels remove`. */
export function removeChannels(
  names: readonly string[],
  options: Options,
  terminal: Terminal,
): Promise<number> {
  const edits = names.map((name): ChannelEdit => ({ action: 'remove', name }));
  return edit(edits, options, (done) => `removed ${namesOf(done)}`, terminal);
}

/** `chatlog channels set NAME key=value...`. */
export async function setChannel(
  name: string,
  settings: readonly string[],
  options: Options,
  terminal: Terminal,
): Promise<number> {
  if (settings.length === 0) {
    terminal.err(`What to set for ${escapeControl(name)}? key=value, for example sampling_rate=0.1`);
    return EXIT.usage;
  }
  const parsed = settings.map(parseSetting);
  const wrong = parsed.flatMap((setting) => (setting.ok ? [] : [setting.problem]));
  if (wrong.length > 0) {
    for (const problem of wrong) terminal.err(problem);
    return EXIT.usage;
  }
  const edits = parsed.flatMap((setting): ChannelEdit[] =>
    setting.ok ? [{ action: 'set', name, key: setting.key, value: setting.value }] : [],
  );
  return edit(edits, options, () => `${name}: ${settings.join(', ')}`, terminal);
}

/** All edits or none; `said` puts into words what was done. */
async function edit(
  edits: readonly ChannelEdit[],
  options: Options,
  said: (done: readonly ChannelEdit[]) => string,
  terminal: Terminal,
): Promise<number> {
  const { config: file, platform } = options;
  if (!/^(?:twitch|irc-[a-z0-9-]{1,32})$/.test(platform)) {
    terminal.err(`--platform is twitch or irc-<network>, found "${escapeControl(platform)}"`);
    return EXIT.usage;
  }
  const before = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw explainFileError(error, { name: 'the configuration', path: file, to: 'read' });
  });
  if (before === undefined) {
    terminal.err(`There is no ${file}. Write one with "chatlog init --config ${file}".`);
    return EXIT.usage;
  }
  let text = before;
  const done: ChannelEdit[] = [];
  const already: string[] = [];
  const refused: string[] = [];
  for (const change of edits) {
    const result = editChannels(text, platform, change);
    if (result.ok) {
      text = result.text;
      done.push(change);
    } else if (result.already) already.push(result.problem);
    else refused.push(result.problem);
  }
  if (refused.length > 0) {
    for (const problem of refused) terminal.err(`${file}: ${escapeControl(problem)}`);
    terminal.err('Nothing was changed.');
    return EXIT.usage;
  }
  for (const note of already) terminal.out(`${file}: ${escapeControl(note)}`);
  if (done.length === 0) return EXIT.ok;
  return save(file, before, text, `${escapeControl(said(done))} (${platform})`, terminal);
}

async function save(
  file: string,
  before: string,
  text: string,
  done: string,
  terminal: Terminal,
): Promise<number> {
  const after = await checkConfigText(text, file);
  // A file may be fine for the service and not for this shell, which lacks its environment: only new problems count.
  if (!after.ok && (await checkConfigText(before, file)).ok) {
    printProblems(after.problems, terminal);
    terminal.err('Nothing was changed.');
    return EXIT.usage;
  }
  if (text !== before) {
    const directory = { name: 'the directory', path: dirname(resolve(file)) };
    await explainingFileErrors(directory, () => writeFileAtomic(file, text));
  }
  terminal.out(
    text === before
      ? `${file} says so already.`
      : `${file}: ${done}. A running recorder takes it up by itself.`,
  );
  if (!after.ok)
    terminal.err(`Note: here the file has other problems; see "chatlog check --config ${file}".`);
  return EXIT.ok;
}
