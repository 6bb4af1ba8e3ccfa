/** The one error base of the project: branch on `code`, never on the text. */
export class ChatlogError extends Error {
  /** Stable and machine-readable: `config_invalid`, `object_exists`, ... */
  readonly code: string;
  /** Whether trying the same again may succeed. */
  readonly retryable: boolean;
  /** What a person can do about it. */
  readonly hint: string | undefined;

  constructor(
    code: string,
    message: string,
    options: { retryable?: boolean; hint?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ChatlogError';
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.hint = options.hint;
  }
}

/** The text of anything that was thrown, with the system's error code where it has one. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as { code?: unknown }).code;
  const text = error.message || error.name;
  // Codes of our own are for programs; the system's (`ECONNREFUSED`) are what people search for.
  const isSystemCode = typeof code === 'string' && /^[A-Z0-9_]+$/.test(code);
  return isSystemCode && !text.includes(code) ? `${text} (${code})` : text;
}
