/**
 * The one way in which the API says that something is wrong:
 *
 *     {"error":{"code":"invalid_parameters","message":"...","hint":"...","details":[{"parameter":"limit","message":"..."}]}}
 *
 * `code` is for programs and stays; `message` and `hint` are for people. Routes throw an {@link ApiError}; what else is
 * thrown is made into one by `explain-error.ts`.
 */

/** What is wrong with one parameter of a request. */
export interface ParameterProblem {
  /** Its name; in a body, the path to it (`settings.presence`). */
  parameter: string;
  message: string;
}

export interface ApiErrorOptions {
  /** What a person can do about it. */
  hint?: string;
  details?: ParameterProblem[];
  /** Seconds after which the same may succeed (`Retry-After`). */
  retryAfterSeconds?: number;
  cause?: unknown;
}

export interface ApiErrorBody {
  error: { code: string; message: string; hint?: string; details?: ParameterProblem[] };
}

export class ApiError extends Error {
  /** HTTP status. */
  readonly statusCode: number;
  readonly code: string;
  readonly hint: string | undefined;
  readonly details: ParameterProblem[] | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(statusCode: number, code: string, message: string, options: ApiErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ApiError';
    this.statusCode = statusCode;
    this.code = code;
    this.hint = options.hint;
    this.details = options.details;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  body(): ApiErrorBody {
    const { code, message, hint, details } = this;
    return { error: { code, message, ...(hint && { hint }), ...(details && { details }) } };
  }
}

/** 404 `not_found`: `what` completes "there is no ...". */
export function notFound(what: string, hint?: string): ApiError {
  return new ApiError(404, 'not_found', `there is no ${what}`, { hint });
}

/** 400 `invalid_parameters`, for what no schema can say of a single parameter. */
export function invalidParameter(parameter: string, message: string, hint?: string): ApiError {
  return invalidParameters([{ parameter, message }], hint);
}

/** As {@link invalidParameter}, for several. */
export function invalidParameters(details: ParameterProblem[], hint?: string): ApiError {
  const message = details.map((problem) => `${problem.parameter}: ${problem.message}`).join('; ');
  return new ApiError(400, 'invalid_parameters', message, { hint, details });
}
