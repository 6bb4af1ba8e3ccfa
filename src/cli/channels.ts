import { parseSetting } from '../config/channel-setting.ts';
import type { ChannelEdit } from '../config/edit-channels.ts';
import { editConfigFile } from '../config/edit-config-file.ts';
import { type EffectiveChannel, resolveChannels } from '../config/resolve-channels.ts';
import { escapeControl } from '../lib/escape-control.ts';
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
  return editFile(edits, options, (done) => `added ${namesOf(done)}`, terminal);
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
  return editFile(edits, options, (done) => `removed ${namesOf(done)}`, terminal);
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
  return editFile(edits, options, () => `${name}: ${settings.join(', ')}`, terminal);
}

/** All edits or none; `said` puts into words what was done. */
async function editFile(
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
  const edit = await editConfigFile(file, platform, edits);
  switch (edit.outcome) {
    case 'missing':
      terminal.err(`There is no ${file}. Write one with "chatlog init --config ${file}".`);
      return EXIT.usage;
    case 'refused':
      for (const problem of edit.problems) terminal.err(`${file}: ${escapeControl(problem)}`);
      terminal.err('Nothing was changed.');
      return EXIT.usage;
    case 'invalid':
      printProblems(edit.problems, terminal);
      terminal.err('Nothing was changed.');
      return EXIT.usage;
  }
  for (const note of edit.already) terminal.out(`${file}: ${escapeControl(note)}`);
  if (edit.done.length === 0) return EXIT.ok;
  const done = `${escapeControl(said(edit.done))} (${platform})`;
  terminal.out(
    edit.outcome === 'unchanged'
      ? `${file} says so already.`
      : `${file}: ${done}. A running recorder takes it up by itself.`,
  );
  if (edit.isBroken)
    terminal.err(`Note: here the file has other problems; see "chatlog check --config ${file}".`);
  return EXIT.ok;
}
