import { Option } from 'commander';
import type { TailOptions } from '../tail.ts';
import { type AddCommand, subcommand } from './command.ts';

export const addTail: AddCommand = (program, { terminal, finish }) => {
  const collect = (value: string, before: string[] = []) => [...before, value];
  subcommand(
    program,
    'tail',
    'Follow what a running recorder records, as an IRC client would show it.',
    `  chatlog tail
  chatlog tail --channel xqc --since 10m
  chatlog tail --channel "x*" --type message --search hello
  chatlog tail --type ban,timeout,delete,gap
  chatlog tail --json | jq -r .message
  chatlog tail --url https://chat.example.org --token TOKEN`,
  )
    .option('--channel <glob>', 'a name, or x*; may be repeated', collect)
    .option('-p, --platform <glob>', 'twitch, or irc-<network>; may be repeated', collect)
    .option('--user <name>', 'who wrote it or whom it happened to; "id:12345" for an id')
    .option('--type <types>', 'message, ban, gap, ...; several with commas between them')
    .option('--search <text>', 'only lines whose text holds this')
    .option('--since <time>', 'first what was received since then: 10m (ago), 2026-11-21T13:00:00Z')
    .option('--json', 'print the lines as they are recorded')
    .option('--url <url>', 'address of the instance; found through data_dir when left out')
    .addOption(new Option('--token <token>', 'where the instance asks for one').env('CHATLOG_TOKEN'))
    .action(async (options: TailOptions) => {
      const { tail } = await import('../tail.ts');
      finish(await tail(options, terminal));
    });
};
