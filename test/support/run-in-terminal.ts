import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { BIN, NODE } from './run-command.ts';

/** What a command prints where it is called from a terminal of 80 columns, with colors. Needs `script` of util-linux. */
export async function chatlogInTerminal(directory: string, ...args: readonly string[]): Promise<string> {
  const quoted = [NODE, BIN, ...args].map((part) => `'${part.replaceAll("'", String.raw`'\''`)}'`).join(' ');
  const { NO_COLOR: _, ...env } = process.env;
  const child = spawn('script', ['-qec', `stty cols 80; ${quoted}`, '/dev/null'], {
    cwd: directory,
    env: { ...env, TERM: 'xterm-256color', SHELL: '/bin/sh' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return (await text(child.stdout)).replaceAll('\r\n', '\n');
}
