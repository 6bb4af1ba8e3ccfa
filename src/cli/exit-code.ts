/** Exit codes of every command; documented in `--help`. */
export const EXIT = {
  ok: 0,
  /** It ran and failed, or a check did. */
  failed: 1,
  /** The command line or the configuration is wrong. */
  usage: 2,
} as const;

export const EXIT_HELP = `
Exit codes: 0 ok, 1 something failed, 2 wrong command line or configuration.`;
