import { type AddCommand, subcommand } from './command.ts';

export const addStatus: AddCommand = (program, { terminal, finish }) => {
  subcommand(
    program,
    'status',
    'Ask the running recorder: channels, rates, spool, uploads.',
    `  chatlog status
  chatlog status --url http://127.0.0.1:8080
  chatlog status --json | jq '.upload.oldestNotUploadedAt'`,
  )
    .option('--json', 'print JSON')
    .option('--url <url>', 'address of the instance; found through data_dir when left out')
    .action(async (options: { config: string; json?: boolean; url?: string }) => {
      const { status } = await import('../status.ts');
      finish(await status(options, terminal));
    });
};
