import { addArchiveOption } from '../archive-options.ts';
import type { ImportCommandOptions } from '../import.ts';
import { type AddCommand, subcommand } from './command.ts';

export const addImport: AddCommand = (program, { terminal, finish }) => {
  const command = subcommand(
    program,
    'import <source...>',
    'Bring old logs into the archive: files, directories, or - for standard input. Importing twice changes nothing.',
    `  chatlog import --dry-run ~/justlog/logs
  chatlog import ~/justlog/logs vod-1251000000.json.gz
  chatlog import --timezone Europe/Berlin ~/.local/share/chatterino/Logs
  chatlog import --timezone UTC --platform irc-libera --channel "#linux" linux.log
  zcat old.jsonl.gz | chatlog import --archive /mnt/archive -

Formats (recognised by content and path, see docs/archive-tools.md): chatlog, irc-raw (justlog, rustlog), twitchdownloader,
chatterino, chatty, discordchatexporter, irssi, weechat, znc, thelounge, thelounge-text, overrustle, cytube.`,
  );
  addArchiveOption(command)
    .option('--format <name>', 'what the files are, where it cannot be told')
    .option('-p, --platform <name>', 'twitch, irc-<network>, ..., where the logs do not say it')
    .option('--channel <name>', 'where the logs do not say it')
    .option('--timezone <zone>', 'of logs that tell local times: UTC, Europe/Berlin, +02:00')
    .option('--date <day>', 'of the first line, where the logs tell no day: 2019-09-15')
    .option('--dry-run', 'put nothing; say what would be new, by channel and day')
    .option('--rejects <file>', 'where to write what cannot be imported, and why', 'import-rejects.jsonl')
    .option('--strict', 'fail (exit code 1) where anything could not be imported')
    .option('-q, --quiet', 'no progress')
    .option('--json', 'print JSON')
    .action(async (sources: string[], options: ImportCommandOptions) => {
      const { importCommand } = await import('../import.ts');
      finish(await importCommand(sources, options, terminal));
    });
};
