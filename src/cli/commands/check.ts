import { type AddCommand, subcommand } from './command.ts';

export const addCheck: AddCommand = (program, { terminal, finish }) => {
  subcommand(
    program,
    'check',
    'Check the configuration, then reach storage, platforms, disk and port.',
    `  chatlog check
  chatlog check --json | jq '.checks[] | select(.outcome == "failed")'`,
  )
    .option('--json', 'print JSON')
    .action(async (options: { config: string; json?: boolean }) => {
      const { check } = await import('../check.ts');
      finish(await check(options, terminal));
    });
};
