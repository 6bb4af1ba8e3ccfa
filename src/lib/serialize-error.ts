/** An error as log fields: what people need, nothing of the requests and sockets that libraries hang on their errors. */
export interface SerializedError {
  type: string;
  message: string;
  code?: string;
  hint?: string;
  stack?: string;
  cause?: unknown;
}

const CAUSES_MAX = 4;

/** Anything that is not an error is given back as it is. */
export function serializeError(value: unknown, depth = 0): unknown {
  if (!(value instanceof Error)) return value;
  const { code, hint } = value as { code?: unknown; hint?: unknown };
  const error: SerializedError = { type: value.name, message: value.message };
  if (typeof code === 'string' || typeof code === 'number') error.code = String(code);
  if (typeof hint === 'string') error.hint = hint;
  if (typeof value.stack === 'string') error.stack = value.stack;
  if (value.cause !== undefined && depth < CAUSES_MAX) error.cause = serializeError(value.cause, depth + 1);
  return error;
}
