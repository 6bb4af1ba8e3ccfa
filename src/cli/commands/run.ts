import type { Command } from 'commander';
import { type AddCommand, subcommand } from './command.ts';

export const addRun: AddCommand = (program, { terminal, finish }) => {
  subcommand(
    program,
    'run',
    'Record until stopped (SIGTERM, SIGINT). SIGHUP reads the configuration again.',
    `  chatlog run
  chatlog run --config /etc/chatlog/config.yaml`,
  ).action(async ({ config }: { config: string }, command: Command) => {
    const { run } = await import('../run.ts');
    const isNamed = command.getOptionValueSource('config') === 'cli';
    finish(await run({ config, create: !isNamed }, terminal));
  });
};
