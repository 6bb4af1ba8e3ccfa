import { type AddCommand, subcommand } from './command.ts';

export const addApi: AddCommand = (program, { terminal, finish }) => {
  subcommand(
    program,
    'api',
    'Serve the API alone, from the PostgreSQL of a recorder elsewhere, until stopped. ("chatlog run" serves it, too.)',
    `  chatlog api
  DATABASE_URL=postgres://db.internal/chatlog PORT=8081 chatlog api`,
  ).action(async (options: { config: string }) => {
    const { api } = await import('../api.ts');
    finish(await api(options, terminal));
  });
};
