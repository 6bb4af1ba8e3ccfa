/** The command line: which command runs, with what. Each command is loaded when it is called. */
import { Command, CommanderError, Option } from 'commander';
import type { Scope } from './api/api-context.ts';
import { EXIT, EXIT_HELP } from './cli/exit-code.ts';
import type { ForgetOptions } from './cli/forget.ts';
import type { IndexOptions } from './cli/index-segments.ts';
import type { OptoutOptions } from './cli/optout.ts';
import { packageInfo } from './cli/package-info.ts';
import { processTerminal, type Terminal } from './cli/terminal.ts';
import { exitProcess } from './lib/exit-process.ts';

/** Runs one command and gives its exit code; never throws and never exits. `argv` is without node and script. */
export async function main(argv: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = createProgram(terminal, (code) => {
    exitCode = code;
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

type Finish = (exitCode: number) => void;

function createProgram(terminal: Terminal, finish: Finish): Command {
  const program = new Command('chatlog')
    .description('Records live chat around the clock and keeps every message in storage you own.')
    .version(packageInfo().version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .showHelpAfterError('(see "chatlog --help")')
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
  addRun(program, terminal, finish);
  addCheck(program, terminal, finish);
  addInit(program, terminal, finish);
  addChannels(program, terminal, finish);
  addStatus(program, terminal, finish);
  addIndex(program, terminal, finish);
  addForget(program, terminal, finish);
  addOptout(program, terminal, finish);
  addTokens(program, terminal, finish);
  addMaintain(program, terminal, finish);
  addApi(program, terminal, finish);
  return program;
}

function configOption(): Option {
  return new Option('-c, --config <file>', 'configuration file').env('CHATLOG_CONFIG').default('config.yaml');
}

function subcommand(parent: Command, usage: string, description: string, examples: string): Command {
  const command = parent.command(usage).description(description);
  return command
    .showHelpAfterError(`(see "${fullName(command)} --help")`)
    .helpOption('-h, --help', 'print this help')
    .addOption(configOption())
    .allowExcessArguments(false)
    .addHelpText('after', `\nExamples:\n${examples}\n${EXIT_HELP}`);
}

/** `chatlog channels add` */
function fullName(command: Command): string {
  return command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name();
}

function addRun(program: Command, terminal: Terminal, finish: Finish): void {
  subcommand(
    program,
    'run',
    'Record until stopped (SIGTERM, SIGINT). SIGHUP reads the configuration again.',
    `  chatlog run
  chatlog run --config /etc/chatlog/config.yaml`,
  ).action(async ({ config }: { config: string }, command: Command) => {
    const { run } = await import('./cli/run.ts');
    const isNamed = command.getOptionValueSource('config') === 'cli';
    finish(await run({ config, create: !isNamed }, terminal));
  });
}

function addCheck(program: Command, terminal: Terminal, finish: Finish): void {
  subcommand(
    program,
    'check',
    'Check the configuration, then reach storage, platforms, disk and port.',
    `  chatlog check
  chatlog check --json | jq '.checks[] | select(.outcome == "failed")'`,
  )
    .option('--json', 'print JSON')
    .action(async (options: { config: string; json?: boolean }) => {
      const { check } = await import('./cli/check.ts');
      finish(await check(options, terminal));
    });
}

function addInit(program: Command, terminal: Terminal, finish: Finish): void {
  subcommand(
    program,
    'init',
    'Write a commented example configuration.',
    `  chatlog init
  chatlog init --config /etc/chatlog/config.yaml`,
  )
    .option('--force', 'overwrite what is there', false)
    .action(async (options: { config: string; force: boolean }) => {
      const { init } = await import('./cli/init.ts');
      finish(await init(options, terminal));
    });
}

function addChannels(program: Command, terminal: Terminal, finish: Finish): void {
  const channels = program
    .command('channels')
    .description('List and edit the recorded channels. Comments and order of the file stay as they are.')
    .showHelpAfterError('(see "chatlog channels --help")')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .addHelpText(
      'after',
      `
Examples:
  chatlog channels list
  chatlog channels add xqc forsen
  chatlog channels set xqc sampling_rate=0.1
  chatlog channels remove "#linux" --platform irc-libera
${EXIT_HELP}`,
    );
  const platform = () => new Option('-p, --platform <name>', 'twitch, or irc-<network>').default('twitch');
  type Options = { config: string; platform: string; json?: boolean };
  const load = () => import('./cli/channels.ts');

  subcommand(
    channels,
    'list',
    'List channels with what is in effect for each.',
    `  chatlog channels list
  chatlog channels list --platform irc-libera --json`,
  )
    .addOption(new Option('-p, --platform <name>', 'only this platform'))
    .option('--json', 'print JSON')
    .action(async (options: Omit<Options, 'platform'> & { platform?: string }) => {
      finish(await (await load()).listChannels(options, terminal));
    });
  subcommand(
    channels,
    'add <name...>',
    'Record more channels.',
    `  chatlog channels add xqc forsen
  chatlog channels add "#linux" --platform irc-libera`,
  )
    .addOption(platform())
    .action(async (names: string[], options: Options) => {
      finish(await (await load()).addChannels(names, options, terminal));
    });
  subcommand(
    channels,
    'remove <name...>',
    'No longer record channels. What was recorded stays.',
    `  chatlog channels remove xqc`,
  )
    .addOption(platform())
    .action(async (names: string[], options: Options) => {
      finish(await (await load()).removeChannels(names, options, terminal));
    });
  subcommand(
    channels,
    'set <name> [settings...]',
    'Change settings of a channel: enabled, sampling_rate, retention_days, object_retention_days, presence. "key=" goes back to the default.',
    `  chatlog channels set xqc sampling_rate=0.1 retention_days=90
  chatlog channels set xqc presence=true
  chatlog channels set xqc sampling_rate=`,
  )
    .addOption(platform())
    .action(async (name: string, settings: string[], options: Options) => {
      finish(await (await load()).setChannel(name, settings, options, terminal));
    });
}

function addStatus(program: Command, terminal: Terminal, finish: Finish): void {
  subcommand(
    program,
    'status',
    'Ask the running recorder: channels, rates, spool, uploads.',
    `  chatlog status
  chatlog status --url http://127.0.0.1:8080
  chatlog status --json | jq '.upload.oldestNotUploadedAt'`,
  )
    .option('--json', 'print JSON')
    .option('--url <url>', 'address of the instance; found through data_dir when left out')
    .action(async (options: { config: string; json?: boolean; url?: string }) => {
      const { status } = await import('./cli/status.ts');
      finish(await status(options, terminal));
    });
}

function addApi(program: Command, terminal: Terminal, finish: Finish): void {
  subcommand(
    program,
    'api',
    'Serve the API alone, from the PostgreSQL of a recorder elsewhere, until stopped. ("chatlog run" serves it, too.)',
    `  chatlog api
  DATABASE_URL=postgres://db.internal/chatlog PORT=8081 chatlog api`,
  ).action(async (options: { config: string }) => {
    const { api } = await import('./cli/api.ts');
    finish(await api(options, terminal));
  });
}

function addIndex(program: Command, terminal: Terminal, finish: Finish): void {
  subcommand(
    program,
    'index',
    'Bring what is missing into the index: from the local disk, then from storage. "chatlog run" does it by itself.',
    `  chatlog index
  chatlog index --from 2026-11-01 --to 2026-11-07 --channel xqc
  chatlog index --rebuild             after the database was lost
  chatlog index --watch               in a process of its own, with a database_url`,
  )
    .option('--watch', 'go on until stopped')
    .option('--rebuild', 'empty the index first; tokens, decisions and what pipelines kept stay')
    .option('--force', 'with --rebuild: also where days past their retention wait for maintenance')
    .option('--from <time>', 'a day or time (RFC 3339): nothing before it')
    .option('--to <time>', 'a day or time: nothing after it')
    .option('--channel <name>', 'only this channel, as in the lines')
    .option('-p, --platform <name>', 'only this platform')
    .option('--json', 'print JSON')
    .action(async (options: IndexOptions) => {
      const { indexSegments } = await import('./cli/index-segments.ts');
      finish(await indexSegments(options, terminal));
    });
}

function addMaintain(program: Command, terminal: Terminal, finish: Finish): void {
  subcommand(
    program,
    'maintain',
    'Retention now: run pipelines over what is due, then remove what they are done with. Fails where data waits past its time.',
    `  chatlog maintain --dry-run
  chatlog maintain --retry
  chatlog maintain --json | jq '.waiting[] | .reason'`,
  )
    .option('--dry-run', 'change nothing; say what would go, and why what waits', false)
    .option('--retry', 'take up what failed, also what was given up', false)
    .option('--json', 'print JSON')
    .action(async (options: { config: string; dryRun: boolean; retry: boolean; json?: boolean }) => {
      const { maintainCommand } = await import('./cli/maintain.ts');
      finish(await maintainCommand(options, terminal));
    });
}

function addForget(program: Command, terminal: Terminal, finish: Finish): void {
  subcommand(
    program,
    'forget',
    'Remove a person from everything that was recorded: index, local files, objects, exports. It cannot be undone.',
    `  chatlog forget --user somebody --dry-run
  chatlog forget --user somebody
  chatlog forget --user id:12345 --opt-out --json
  chatlog forget --user nick --platform irc-libera`,
  )
    .requiredOption('--user <id|name>', 'who; "id:12345" where an id could be taken for a name')
    .option('-p, --platform <name>', 'twitch, or irc-<network>', 'twitch')
    .option('--dry-run', 'change nothing; say what would change')
    .option('--opt-out', 'nor record them from now on')
    .option('--json', 'print JSON')
    .action(async (options: ForgetOptions) => {
      const { forgetCommand } = await import('./cli/forget.ts');
      finish(await forgetCommand(options, terminal));
    });
}

function addOptout(program: Command, terminal: Terminal, finish: Finish): void {
  const optout = program
    .command('optout')
    .description('Users and channels that are neither recorded nor served.')
    .showHelpAfterError('(see "chatlog optout --help")')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .addHelpText(
      'after',
      `
Examples:
  chatlog optout add --user somebody
  chatlog optout add --channel xqc
  chatlog optout list
${EXIT_HELP}`,
    );
  const load = () => import('./cli/optout.ts');
  const set = (name: string, isOut: boolean, description: string) =>
    subcommand(
      optout,
      name,
      description,
      `  chatlog optout ${name} --user somebody
  chatlog optout ${name} --user id:12345
  chatlog optout ${name} --channel "#linux" --platform irc-libera`,
    )
      .option('--user <id|name>', 'a user; "id:12345" where an id could be taken for a name')
      .option('--channel <name>', 'a channel')
      .option('-p, --platform <name>', 'twitch, or irc-<network>', 'twitch')
      .option('--json', 'print JSON')
      .action(async (options: OptoutOptions) => {
        finish(await (await load()).setOptoutCommand(isOut, options, terminal));
      });
  set(
    'add',
    true,
    'Neither record nor serve a user or a channel from now on. What there is stays: see "chatlog forget".',
  );
  set('remove', false, 'Record and serve a user or a channel again.');
  subcommand(
    optout,
    'list',
    'List who is opted out. Of users nothing but a digest is kept.',
    '  chatlog optout list --json',
  )
    .option('--json', 'print JSON')
    .action(async (options: { config: string; json?: boolean }) => {
      finish(await (await load()).listOptoutsCommand(options, terminal));
    });
}

function addTokens(program: Command, terminal: Terminal, finish: Finish): void {
  const tokens = program
    .command('token')
    .description('Make, list and revoke tokens of the API.')
    .showHelpAfterError('(see "chatlog token --help")')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .addHelpText(
      'after',
      `
Examples:
  chatlog token create --scope read --name viewer
  chatlog token list
  chatlog token revoke viewer
${EXIT_HELP}`,
    );
  const load = () => import('./cli/token.ts');
  subcommand(
    tokens,
    'create',
    'Make a token. It is printed once, alone on standard output.',
    `  chatlog token create --scope read --name viewer
  TOKEN=$(chatlog token create --scope export)
  curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8080/api/export?channel=xqc`,
  )
    .addOption(
      new Option('--scope <scope>', 'what it allows; each includes those before it')
        .choices(['read', 'export', 'admin'])
        .makeOptionMandatory(),
    )
    .option('--name <name>', 'what it is for', '')
    .option('--json', 'print JSON')
    .action(async (options: { config: string; scope: Scope; name: string; json?: boolean }) => {
      finish(await (await load()).createTokenCommand(options, terminal));
    });
  subcommand(
    tokens,
    'list',
    'List tokens: what each allows, when it was last used, whether it is in force.',
    `  chatlog token list
  chatlog token list --json | jq '.[] | select(.lastUsedAt == null)'`,
  )
    .option('--json', 'print JSON')
    .action(async (options: { config: string; json?: boolean }) => {
      finish(await (await load()).listTokensCommand(options, terminal));
    });
  subcommand(
    tokens,
    'revoke <id>',
    'Revoke a token by its id, or by a name that only one has.',
    `  chatlog token revoke 3f9a1c22b07e
  chatlog token revoke viewer`,
  )
    .option('--json', 'print JSON')
    .action(async (id: string, options: { config: string; json?: boolean }) => {
      finish(await (await load()).revokeTokenCommand(id, options, terminal));
    });
}

/** {@link main} for a process of its own: ends it, also where a forgotten socket would keep it. */
export async function start(argv: readonly string[]): Promise<void> {
  process.exitCode = await main(argv);
  setTimeout(() => void exitProcess(undefined, EXIT_PATIENCE_MS), EXIT_GRACE_MS).unref();
}

const EXIT_GRACE_MS = 300;
const EXIT_PATIENCE_MS = 500;

if (import.meta.main) await start(process.argv.slice(2));
