import type { ForgetOptions } from '../forget.ts';
import { type AddCommand, platformOption, subcommand } from './command.ts';

export const addForget: AddCommand = (program, { terminal, finish }) => {
  subcommand(
    program,
    'forget',
    'Remove a person from everything that was recorded: index, local files, objects, exports. It cannot be undone.',
    `  chatlog forget --user somebody --dry-run
  chatlog forget --user somebody
  chatlog forget --user id:12345 --opt-out --json
  chatlog forget --user nick --platform irc-libera`,
  )
    .requiredOption('--user <id|name>', 'who; "id:12345" where an id could be taken for a name')
    .addOption(platformOption())
    .option('--dry-run', 'change nothing; say what would change')
    .option('--opt-out', 'nor record them from now on')
    .option('--json', 'print JSON')
    .action(async (options: ForgetOptions) => {
      const { forgetCommand } = await import('../forget.ts');
      finish(await forgetCommand(options, terminal));
    });
};
