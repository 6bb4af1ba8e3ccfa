import type { OptoutOptions } from '../optout.ts';
import { type AddCommand, commandGroup, platformOption, subcommand } from './command.ts';

export const addOptout: AddCommand = (program, { terminal, finish }) => {
  const optout = commandGroup(
    program,
    'optout',
    'Users and channels that are neither recorded nor served.',
    `  chatlog optout add --user somebody
  chatlog optout add --channel xqc
  chatlog optout list`,
  );
  const load = () => import('../optout.ts');
  const set = (name: string, isOut: boolean, description: string) =>
    subcommand(
      optout,
      name,
      description,
      `  chatlog optout ${name} --user somebody
  chatlog optout ${name} --user id:12345
  chatlog optout ${name} --channel "#linux" --platform irc-libera`,
    )
      .option('--user <id|name>', 'a user; "id:12345" where an id could be taken for a name')
      .option('--channel <name>', 'a channel')
      .addOption(platformOption())
      .option('--json', 'print JSON')
      .action(async (options: OptoutOptions) => {
        finish(await (await load()).setOptoutCommand(isOut, options, terminal));
      });
  set(
    'add',
    true,
    'Neither record nor serve a user or a channel from now on. What there is stays: see "chatlog forget".',
  );
  set('remove', false, 'Record and serve a user or a channel again.');
  subcommand(
    optout,
    'list',
    'List who is opted out. Of users nothing but a digest is kept.',
    '  chatlog optout list --json',
  )
    .option('--json', 'print JSON')
    .action(async (options: { config: string; json?: boolean }) => {
      finish(await (await load()).listOptoutsCommand(options, terminal));
    });
};
