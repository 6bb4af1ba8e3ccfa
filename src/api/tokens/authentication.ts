/**
 * Who asks, and whether they may. In two steps around the rate limit: before it, only what is remembered says who it is,
 * so that nobody makes the database work for more guesses than the limit allows; after it, the database is asked.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorText } from '../../lib/errors.ts';
import type { ApiContext, Scope } from '../api-context.ts';
import { ApiError } from '../api-error.ts';
import {
  type Caller,
  findToken,
  hashToken,
  isSameHash,
  isToken,
  type TokenInfo,
  touchToken,
} from './token-store.ts';

/** What a route asks of its callers. `public`: nothing, whatever the configuration says. */
export type Access = Scope | 'public';

const RANKS: Readonly<Record<Access, number>> = { public: 0, read: 1, export: 2, admin: 3 };
/** A token that was revoked by another process may be used for so long. */
const REMEMBERED_MS = 10_000;
const REMEMBERED_MAX = 1_000;

/** The token of this machine's own commands (`state/run.json`). */
const LOCAL: Caller = { tokenId: 'local', name: 'local', scope: 'admin' };

export class Authentication {
  readonly #context: ApiContext;
  readonly #localHash: string | undefined;
  /** By hash; the oldest first. */
  readonly #known = new Map<string, { token: TokenInfo; untilMs: number }>();

  constructor(context: ApiContext) {
    this.#context = context;
    this.#localHash = context.localToken === undefined ? undefined : hashToken(context.localToken);
  }

  /** Asks nobody: undefined where there is no token, or it is not remembered. */
  remembered(request: FastifyRequest): Caller | undefined {
    const token = bearerToken(request);
    if (token === undefined || !isToken(token)) return undefined;
    const hash = hashToken(token);
    if (this.#localHash !== undefined && isSameHash(hash, this.#localHash)) return LOCAL;
    const known = this.#known.get(hash);
    if (known === undefined) return undefined;
    if (known.untilMs > this.#context.now()) return callerOf(known.token);
    this.#known.delete(hash);
    return undefined;
  }

  /**
   * Whoever holds this request's token. Throws 401 for one that is not in force; undefined where there is none.
   * @param gone fires when nobody waits for the answer any more
   */
  async caller(request: FastifyRequest, gone: AbortSignal): Promise<Caller | undefined> {
    const remembered = this.remembered(request);
    const text = bearerToken(request);
    if (remembered || text === undefined) return remembered;
    const { database, log, now, config } = this.#context;
    const statementTimeoutMs = config().http.statement_timeout_seconds * 1_000;
    const token = isToken(text)
      ? await findToken(database, text, { statementTimeoutMs, signal: gone })
      : undefined;
    if (!token)
      throw unauthorized(
        'invalid_token',
        'this token is not in force',
        'It may have been revoked, or cut off.',
      );
    this.#remember(hashToken(text), token);
    touchToken(database, token, now(), { statementTimeoutMs }).catch((error: unknown) =>
      log.debug({ err: errorText(error) }, 'cannot note the use of a token'),
    );
    return callerOf(token);
  }

  /** So that a token revoked here is refused from now on. */
  forget(): void {
    this.#known.clear();
  }

  #remember(hash: string, token: TokenInfo): void {
    const [oldest] = this.#known.keys();
    if (this.#known.size >= REMEMBERED_MAX && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(hash, { token, untilMs: this.#context.now() + REMEMBERED_MS });
  }
}

/** Throws 401 or 403 where this caller may not use a route. */
export function demandAccess(
  caller: Caller | undefined,
  access: Access,
  readAccess: 'public' | 'token',
): void {
  const isOpen = access === 'public' || (access === 'read' && readAccess === 'public');
  if (isOpen || (caller && RANKS[caller.scope] >= RANKS[access])) return;
  if (!caller)
    throw unauthorized(
      'token_required',
      `this needs a token of scope ${access}`,
      `Make one with "chatlog token create --scope ${access}", and send it as "Authorization: Bearer TOKEN".`,
    );
  throw new ApiError(
    403,
    'scope_insufficient',
    `this needs a token of scope ${access}; yours has ${caller.scope}`,
  );
}

/** Adds what a 401 has to say of how to do better (RFC 6750). */
export function challenge(reply: FastifyReply, error: ApiError): void {
  if (error.statusCode === 401)
    reply.header('www-authenticate', `Bearer realm="chatlog", error="${error.code}"`);
}

function unauthorized(code: string, message: string, hint: string): ApiError {
  return new ApiError(401, code, message, { hint });
}

function callerOf({ id, name, scope }: TokenInfo): Caller {
  return { tokenId: id, name, scope };
}

/** From the `Authorization` header and nowhere else: addresses are logged, shared and kept in histories. */
function bearerToken({ headers: { authorization } }: FastifyRequest): string | undefined {
  return authorization === undefined ? undefined : (/^Bearer +(\S+) *$/i.exec(authorization)?.[1] ?? '');
}
