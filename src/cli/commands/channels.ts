import { Option } from 'commander';
import { type AddCommand, commandGroup, platformOption, subcommand } from './command.ts';

export const addChannels: AddCommand = (program, { terminal, finish }) => {
  const channels = commandGroup(
    program,
    'channels',
    'List and edit the recorded channels. Comments and order of the file stay as they are.',
    `  chatlog channels list
  chatlog channels add xqc forsen
  chatlog channels set xqc sampling_rate=0.1
  chatlog channels remove "#linux" --platform irc-libera`,
  );
  type Options = { config: string; platform: string; json?: boolean };
  const load = () => import('../channels.ts');

  subcommand(
    channels,
    'list',
    'List channels with what is in effect for each.',
    `  chatlog channels list
  chatlog channels list --platform irc-libera --json`,
  )
    .addOption(new Option('-p, --platform <name>', 'only this platform'))
    .option('--json', 'print JSON')
    .action(async (options: Omit<Options, 'platform'> & { platform?: string }) => {
      finish(await (await load()).listChannels(options, terminal));
    });
  subcommand(
    channels,
    'add <name...>',
    'Record more channels.',
    `  chatlog channels add xqc forsen
  chatlog channels add "#linux" --platform irc-libera`,
  )
    .addOption(platformOption())
    .action(async (names: string[], options: Options) => {
      finish(await (await load()).addChannels(names, options, terminal));
    });
  subcommand(
    channels,
    'remove <name...>',
    'No longer record channels. What was recorded stays.',
    `  chatlog channels remove xqc`,
  )
    .addOption(platformOption())
    .action(async (names: string[], options: Options) => {
      finish(await (await load()).removeChannels(names, options, terminal));
    });
  subcommand(
    channels,
    'set <name> [settings...]',
    'Change settings of a channel: enabled, sampling_rate, retention_days, object_retention_days, presence. "key=" goes back to the default.',
    `  chatlog channels set xqc sampling_rate=0.1 retention_days=90
  chatlog channels set xqc presence=true
  chatlog channels set xqc sampling_rate=`,
  )
    .addOption(platformOption())
    .action(async (name: string, settings: string[], options: Options) => {
      finish(await (await load()).setChannel(name, settings, options, terminal));
    });
};
