import type { Terminal } from '../../src/cli/terminal.ts';

/** A terminal of tests: keeps what was printed, without styles. */
export interface CapturedTerminal extends Terminal {
  stdout: string;
  stderr: string;
}

export function capturedTerminal(): CapturedTerminal {
  return {
    stdout: '',
    stderr: '',
    out(text) {
      this.stdout += `${text}\n`;
    },
    err(text) {
      this.stderr += `${text}\n`;
    },
    style: (_, text) => text,
  };
}
