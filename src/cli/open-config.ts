import { type LoadedConfig, loadConfig } from '../config/load-config.ts';
import { formatProblem, type Problem } from '../config/problem.ts';
import type { Terminal } from './terminal.ts';

/** The configuration for a command; undefined after every problem was printed. */
export async function openConfig(file: string, terminal: Terminal): Promise<LoadedConfig | undefined> {
  const result = await loadConfig(file);
  if (!result.ok) {
    printProblems(result.problems, terminal);
    if (result.problems.some(({ message }) => message === 'does not exist')) {
      terminal.err(`\nWrite one with "chatlog init --config ${file}", or name another with --config FILE.`);
    }
    return undefined;
  }
  for (const warning of result.warnings) terminal.err(`warning: ${formatProblem(warning)}`);
  return result;
}

export function printProblems(problems: readonly Problem[], terminal: Terminal): void {
  for (const problem of problems) terminal.err(formatProblem(problem));
  const count = problems.length;
  if (count > 1) terminal.err(`\n${count} problems in the configuration.`);
}
