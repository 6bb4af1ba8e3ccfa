import { Option } from 'commander';
import type { Scope } from '../../api/api-context.ts';
import { type AddCommand, commandGroup, subcommand } from './command.ts';

export const addToken: AddCommand = (program, { terminal, finish }) => {
  const tokens = commandGroup(
    program,
    'token',
    'Make, list and revoke tokens of the API.',
    `  chatlog token create --scope read --name viewer
  chatlog token list
  chatlog token revoke viewer`,
  );
  const load = () => import('../token.ts');
  subcommand(
    tokens,
    'create',
    'Make a token. It is printed once, alone on standard output.',
    `  chatlog token create --scope read --name viewer
  TOKEN=$(chatlog token create --scope export)
  curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8080/api/export?channel=xqc`,
  )
    .addOption(
      new Option('--scope <scope>', 'what it allows; each includes those before it')
        .choices(['read', 'export', 'admin'])
        .makeOptionMandatory(),
    )
    .option('--name <name>', 'what it is for', '')
    .option('--json', 'print JSON')
    .action(async (options: { config: string; scope: Scope; name: string; json?: boolean }) => {
      finish(await (await load()).createTokenCommand(options, terminal));
    });
  subcommand(
    tokens,
    'list',
    'List tokens: what each allows, when it was last used, whether it is in force.',
    `  chatlog token list
  chatlog token list --json | jq '.[] | select(.lastUsedAt == null)'`,
  )
    .option('--json', 'print JSON')
    .action(async (options: { config: string; json?: boolean }) => {
      finish(await (await load()).listTokensCommand(options, terminal));
    });
  subcommand(
    tokens,
    'revoke <id>',
    'Revoke a token by its id, or by a name that only one has.',
    `  chatlog token revoke 3f9a1c22b07e
  chatlog token revoke viewer`,
  )
    .option('--json', 'print JSON')
    .action(async (id: string, options: { config: string; json?: boolean }) => {
      finish(await (await load()).revokeTokenCommand(id, options, terminal));
    });
};
