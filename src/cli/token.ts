/** `chatlog token`: the API's tokens. Beside an instance that has the embedded database open, the instance is asked. */
import type { Scope } from '../api/api-context.ts';
import { type TokenAnswer, tokenAnswerOf, tokenName } from '../api/routes/tokens.ts';
import { createToken, listTokens, revokeToken } from '../api/tokens/token-store.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import { escapeControl } from '../lib/escape-control.ts';
import { EXIT } from './exit-code.ts';
import { askInstance } from './local-admin.ts';
import { openConfig } from './open-config.ts';
import { type Cell, type Terminal, table } from './terminal.ts';
import { withIndex } from './with-index.ts';

interface Options {
  config: string;
  json?: boolean;
}

/** Prints the token alone on standard output, so that a script can take it. */
export async function createTokenCommand(
  options: Options & { scope: Scope; name: string },
  terminal: Terminal,
): Promise<number> {
  const { scope } = options;
  const name = tokenName.safeParse(options.name);
  if (!name.success) {
    terminal.err(
      `--name should be at most 64 characters of one line, found "${escapeControl(options.name)}"`,
    );
    return EXIT.usage;
  }
  const loaded = await openConfig(options.config, terminal);
  if (!loaded) return EXIT.usage;
  const asked = await ask<TokenAnswer & { token: string }>(loaded, 'POST', '/api/tokens', {
    scope,
    name: name.data,
  });
  const made =
    asked ??
    (await withIndex(loaded, async (database) => {
      const { info, token } = await createToken(database, { scope, name: name.data });
      return { ...tokenAnswerOf(info), token };
    }));
  if (options.json) {
    terminal.out(JSON.stringify(made, null, 2));
    return EXIT.ok;
  }
  terminal.err(
    `Token ${made.id} of scope ${made.scope}. It is shown only now; send it as "Authorization: Bearer ...".`,
  );
  terminal.out(made.token);
  return EXIT.ok;
}

export async function listTokensCommand(options: Options, terminal: Terminal): Promise<number> {
  const loaded = await openConfig(options.config, terminal);
  if (!loaded) return EXIT.usage;
  const asked = await ask<{ tokens: TokenAnswer[] }>(loaded, 'GET', '/api/tokens');
  const tokens =
    asked?.tokens ??
    (await withIndex(loaded, async (database) => (await listTokens(database)).map(tokenAnswerOf)));
  if (options.json) terminal.out(JSON.stringify(tokens, null, 2));
  else if (tokens.length === 0) terminal.out('No tokens yet: chatlog token create --scope read');
  else terminal.out(tokenTable(tokens, terminal));
  return EXIT.ok;
}

export async function revokeTokenCommand(
  idOrName: string,
  options: Options,
  terminal: Terminal,
): Promise<number> {
  const loaded = await openConfig(options.config, terminal);
  if (!loaded) return EXIT.usage;
  const path = `/api/tokens/${encodeURIComponent(idOrName)}`;
  const revoked =
    (await ask<TokenAnswer>(loaded, 'DELETE', path)) ??
    (await withIndex(loaded, async (database) =>
      tokenAnswerOf(await revokeToken(database, idOrName, Date.now())),
    ));
  if (options.json) terminal.out(JSON.stringify(revoked, null, 2));
  else
    terminal.out(`Revoked ${revoked.id}${revoked.name === '' ? '' : ` (${escapeControl(revoked.name)})`}.`);
  return EXIT.ok;
}

/** A server's database is there for everyone; the embedded one is its instance's alone, while that runs. */
async function ask<T>(
  { config }: LoadedConfig,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<T | undefined> {
  if (config.database_url !== undefined) return undefined;
  return (await askInstance(config, method, path, body))?.body as T | undefined;
}

function tokenTable(tokens: readonly TokenAnswer[], terminal: Terminal): string {
  const rows = tokens.map((token): Cell[] => [
    { text: token.id, style: 'bold' },
    { text: token.scope },
    { text: minute(token.createdAt) },
    { text: token.lastUsedAt === null ? 'never' : minute(token.lastUsedAt) },
    token.revokedAt === null
      ? { text: 'in force', style: 'green' }
      : { text: `revoked ${minute(token.revokedAt)}`, style: 'red' },
    { text: token.name },
  ]);
  return table(terminal, ['ID', 'SCOPE', 'MADE', 'USED', 'STATE', 'NAME'], rows);
}

function minute(iso: string): string {
  return iso.slice(0, 16).replace('T', ' ');
}
