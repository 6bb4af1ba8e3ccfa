/** The command line, put together of `src/cli/commands/`. What a command does is loaded when it is called. */
import { Command, CommanderError } from 'commander';
import { addApi } from './cli/commands/api.ts';
import { addChannels } from './cli/commands/channels.ts';
import { addCheck } from './cli/commands/check.ts';
import type { AddCommand, CommandContext } from './cli/commands/command.ts';
import { addCompact } from './cli/commands/compact.ts';
import { addForget } from './cli/commands/forget.ts';
import { addImport } from './cli/commands/import.ts';
import { addIndex } from './cli/commands/index-segments.ts';
import { addInit } from './cli/commands/init.ts';
import { addMaintain } from './cli/commands/maintain.ts';
import { addOptout } from './cli/commands/optout.ts';
import { addPull } from './cli/commands/pull.ts';
import { addRun } from './cli/commands/run.ts';
import { addSearch } from './cli/commands/search.ts';
import { addSql } from './cli/commands/sql.ts';
import { addStatus } from './cli/commands/status.ts';
import { addStorage } from './cli/commands/storage.ts';
import { addTail } from './cli/commands/tail.ts';
import { addToken } from './cli/commands/token.ts';
import { addVerify } from './cli/commands/verify.ts';
import { EXIT, EXIT_HELP } from './cli/exit-code.ts';
import { packageInfo } from './cli/package-info.ts';
import { processTerminal, type Terminal } from './cli/terminal.ts';
import { exitProcess } from './lib/exit-process.ts';

/** Runs one command and gives its exit code; never throws and never exits. `argv` is without node and script. */
export async function main(argv: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = createProgram({
    terminal,
    finish: (code) => {
      exitCode = code;
    },
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const { errorText } = await import('./lib/errors.ts');
    terminal.err(`chatlog: ${errorText(error)}`);
    const { hint } = error as { hint?: unknown };
    if (typeof hint === 'string') terminal.err(hint);
    if (process.env.CHATLOG_DEBUG && error instanceof Error) terminal.err(error.stack ?? '');
    return EXIT.failed;
  }
}

/** In the order of the help. */
const COMMANDS: readonly AddCommand[] = [
  addRun,
  addCheck,
  addInit,
  addChannels,
  addStatus,
  addPull,
  addSearch,
  addTail,
  addSql,
  addVerify,
  addCompact,
  addStorage,
  addImport,
  addIndex,
  addForget,
  addOptout,
  addToken,
  addMaintain,
  addApi,
];

function createProgram(context: CommandContext): Command {
  const { terminal } = context;
  const program = new Command('chatlog')
    .description('Records live chat around the clock and keeps every message in storage you own.')
    .version(packageInfo().version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .showHelpAfterError('(see "chatlog --help")')
    // What follows a subcommand is its own, also where the command has the same option.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
    })
    .addHelpText(
      'after',
      `
Examples:
  chatlog run                         record from config.yaml (written if there is none)
  chatlog channels add xqc            record one more channel, also while running
  chatlog check                       see that storage and platforms can be reached
  chatlog status                      ask the running recorder how it is
${EXIT_HELP}`,
    );
  for (const addCommand of COMMANDS) addCommand(program, context);
  return program;
}

/** {@link main} for a process of its own: ends it, also where a forgotten socket would keep it. */
export async function start(argv: readonly string[]): Promise<void> {
  process.exitCode = await main(argv);
  setTimeout(() => void exitProcess(undefined, EXIT_PATIENCE_MS), EXIT_GRACE_MS).unref();
}

const EXIT_GRACE_MS = 300;
const EXIT_PATIENCE_MS = 500;

if (import.meta.main) await start(process.argv.slice(2));
