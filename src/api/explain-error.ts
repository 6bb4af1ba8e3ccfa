/** Whatever was thrown while answering becomes an {@link ApiError}: nothing of our inside (stacks, SQL) gets out. */
import { ChatlogError } from '../lib/errors.ts';
import { ApiError } from './api-error.ts';

const UNAVAILABLE_RETRY_SECONDS = 5;
const CONFLICT_RETRY_SECONDS = 1;
/** SQLSTATE: the schema is applied by the indexer when it first reaches the database. */
const UNDEFINED_TABLE = '42P01';

/** `isOurs`: the cause is here and not with the client, so that somebody has to look into it. */
export function explainError(thrown: unknown): { error: ApiError; isOurs: boolean } {
  if (thrown instanceof ApiError) return { error: thrown, isOurs: thrown.statusCode >= 500 };
  const { code, statusCode, message } = (thrown ?? {}) as {
    code?: unknown;
    statusCode?: unknown;
    message?: unknown;
  };
  if (thrown instanceof ChatlogError) return fromChatlog(thrown);
  if (code === UNDEFINED_TABLE)
    return ours(
      new ApiError(503, 'database_unavailable', 'the index is not there yet', {
        hint: 'It is being made; try again later.',
        retryAfterSeconds: UNAVAILABLE_RETRY_SECONDS,
        cause: thrown,
      }),
    );
  if (isRefusedValue(code))
    return theirs(400, 'invalid_parameters', 'the database cannot take one of these values', thrown);
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    const [name, text] = REFUSALS[String(code)] ?? ['bad_request', String(message)];
    return theirs(statusCode, name, text, thrown);
  }
  return ours(
    new ApiError(500, 'internal', 'something went wrong here; the log says what', { cause: thrown }),
  );
}

function fromChatlog(thrown: ChatlogError): { error: ApiError; isOurs: boolean } {
  switch (thrown.code) {
    case 'database_unavailable':
      return ours(
        new ApiError(503, 'database_unavailable', 'the database cannot be reached', {
          hint: 'Recording goes on without it; try again later.',
          retryAfterSeconds: UNAVAILABLE_RETRY_SECONDS,
          cause: thrown,
        }),
      );
    case 'database_conflict':
      return ours(
        new ApiError(503, 'database_busy', 'somebody else changed the same rows; try again', {
          retryAfterSeconds: CONFLICT_RETRY_SECONDS,
          cause: thrown,
        }),
      );
    case 'database_timeout':
      return {
        error: new ApiError(504, 'query_timeout', 'the query took too long and was broken off', {
          hint: 'Ask for less at once: a channel, a shorter range of time, a smaller limit.',
          cause: thrown,
        }),
        isOurs: false,
      };
    case 'maintenance_running':
      return theirs(409, thrown.code, thrown.message, thrown, thrown.hint);
    case 'archive_timeout':
      return theirs(504, thrown.code, thrown.message, thrown, thrown.hint);
    case 'archive_too_much':
      return theirs(400, thrown.code, thrown.message, thrown, thrown.hint);
    case 'archive_busy':
      return {
        error: new ApiError(503, thrown.code, thrown.message, {
          hint: thrown.hint,
          retryAfterSeconds: UNAVAILABLE_RETRY_SECONDS,
          cause: thrown,
        }),
        isOurs: false,
      };
    case 'archive_unavailable':
      return ours(
        new ApiError(503, thrown.code, 'the archive cannot be read', {
          hint: 'What the index holds can be asked for; try again later.',
          retryAfterSeconds: UNAVAILABLE_RETRY_SECONDS,
          cause: thrown,
        }),
      );
    default:
      return ours(
        new ApiError(500, 'internal', 'something went wrong here; the log says what', { cause: thrown }),
      );
  }
}

/** SQLSTATE class 22: a value that a column's type does not take. */
function isRefusedValue(code: unknown): boolean {
  return typeof code === 'string' && /^22[0-9A-Z]{3}$/.test(code);
}

/** Fastify's own refusals, in our words. */
const REFUSALS: Readonly<Record<string, [code: string, message: string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['body_too_large', 'the body is too large'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported_media_type',
    'send JSON, with "content-type: application/json"',
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['bad_request', 'the body is not as long as content-length says'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['invalid_json', 'the body is empty; send JSON, or no content-type'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['invalid_json', 'the body is not valid JSON'],
  FST_ERR_BAD_URL: ['bad_url', 'the address is not well encoded: % wants two hexadecimal digits'],
  FST_ERR_MAX_PARAM_LENGTH: ['url_too_long', 'a part of the address is too long'],
};

function theirs(statusCode: number, code: string, message: string, cause: unknown, hint?: string) {
  return { error: new ApiError(statusCode, code, message, { cause, hint }), isOurs: false };
}

function ours(error: ApiError) {
  return { error, isOurs: true };
}
