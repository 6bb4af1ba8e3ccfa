/** The code of a system error (`ENOENT`, `ENOSPC`); undefined for anything else that was thrown. */
export function systemErrorCode(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : undefined;
}
