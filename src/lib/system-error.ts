/** The code of a system error (`ENOENT`, `ENOSPC`); undefined for anything else that was thrown. */
export function systemErrorCode(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** Whether a file or a directory is not there (any more). */
export function isMissing(error: unknown): boolean {
  return systemErrorCode(error) === 'ENOENT';
}

/** `.catch(ifMissing)`: undefined where the file is not there. */
export function ifMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}
