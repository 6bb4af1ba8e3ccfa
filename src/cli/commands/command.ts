/**
 * What the declarations of commands share. A declaration says name, options and examples, and loads what the command does
 * only when it is called: nothing that one command needs is loaded for another.
 */
import { type Command, Option } from 'commander';
import { EXIT_HELP } from '../exit-code.ts';
import type { Terminal } from '../terminal.ts';

export interface CommandContext {
  terminal: Terminal;
  /** Called with the exit code, once. */
  finish(exitCode: number): void;
}

/** Declares one command with all its subcommands. */
export type AddCommand = (program: Command, context: CommandContext) => void;

/** @param usage name and arguments, `add <name...>` */
export function subcommand(parent: Command, usage: string, description: string, examples: string): Command {
  return documented(parent.command(usage).description(description), examples)
    .addOption(
      new Option('-c, --config <file>', 'configuration file').env('CHATLOG_CONFIG').default('config.yaml'),
    )
    .allowExcessArguments(false);
}

/** A command that has subcommands and does nothing by itself. */
export function commandGroup(parent: Command, name: string, description: string, examples: string): Command {
  return documented(parent.command(name).description(description), examples).helpCommand(false);
}

/** `--platform`, of Twitch where it is not given. */
export function platformOption(): Option {
  return new Option('-p, --platform <name>', 'twitch, or irc-<network>').default('twitch');
}

function documented(command: Command, examples: string): Command {
  return command
    .showHelpAfterError(`(see "${fullName(command)} --help")`)
    .helpOption('-h, --help', 'print this help')
    .addHelpText('after', `\nExamples:\n${examples}\n${EXIT_HELP}`);
}

/** `chatlog channels add` */
function fullName(command: Command): string {
  return command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name();
}
