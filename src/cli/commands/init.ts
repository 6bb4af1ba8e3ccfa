import { type AddCommand, subcommand } from './command.ts';

export const addInit: AddCommand = (program, { terminal, finish }) => {
  subcommand(
    program,
    'init',
    'Write a commented example configuration.',
    `  chatlog init
  chatlog init --config /etc/chatlog/config.yaml`,
  )
    .option('--force', 'overwrite what is there', false)
    .action(async (options: { config: string; force: boolean }) => {
      const { init } = await import('../init.ts');
      finish(await init(options, terminal));
    });
};
