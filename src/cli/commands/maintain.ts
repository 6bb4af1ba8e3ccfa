import { type AddCommand, subcommand } from './command.ts';

export const addMaintain: AddCommand = (program, { terminal, finish }) => {
  subcommand(
    program,
    'maintain',
    'Retention now: run pipelines over what is due, then remove what they are done with. Fails where data waits past its time.',
    `  chatlog maintain --dry-run
  chatlog maintain --retry
  chatlog maintain --json | jq '.waiting[] | .reason'`,
  )
    .option('--dry-run', 'change nothing; say what would go, and why what waits', false)
    .option('--retry', 'take up what failed, also what was given up', false)
    .option('--json', 'print JSON')
    .action(async (options: { config: string; dryRun: boolean; retry: boolean; json?: boolean }) => {
      const { maintainCommand } = await import('../maintain.ts');
      finish(await maintainCommand(options, terminal));
    });
};
