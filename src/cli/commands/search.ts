import { Option } from 'commander';
import { addArchiveOption, addSelectionOptions } from '../archive-options.ts';
import type { SearchCommandOptions } from '../search.ts';
import { type AddCommand, subcommand } from './command.ts';

export const addSearch: AddCommand = (program, { terminal, finish }) => {
  const command = subcommand(
    program,
    'search [text]',
    'Find lines in the archive, without any index: by text, regular expression, person, type.',
    `  chatlog search "good morning"
  chatlog search --channel xqc --last 7d --context 3 pogchamp
  chatlog search -e "https?://\\S+" --user ann --reverse --limit 20
  chatlog search --type ban --type timeout --since 2026-11-01 --count
  chatlog search --archive s3://bucket/prefix --json lol | jq -r .username
  chatlog search -- -5        what begins with a dash

A text in small letters is found in any case; with a capital letter in it, only as it is written.
Exit code 1 also where nothing was found, as of grep.`,
  ).alias('grep');
  addSelectionOptions(addArchiveOption(command))
    .option('-e, --regex <pattern>', 'a regular expression (RE2) in place of a text')
    .option('-i, --ignore-case', 'upper and lower case alike')
    .option('-s, --case-sensitive', 'exactly as it is written')
    .option('--type <type>', 'message, notice, ban, timeout, delete, join, ...; may be repeated', collect)
    .addOption(
      new Option('--in <where>', 'what is looked into: the message, or the whole line as JSON')
        .choices(['message', 'line'])
        .default('message'),
    )
    .option('-C, --context <lines>', 'so many lines of the same channel before and after')
    .option('--count', 'count only: by channel, and all')
    .option('-n, --limit <lines>', 'stop after so many')
    .option('-r, --reverse', 'the newest first')
    .option('-q, --quiet', 'no progress')
    .option('--json', 'print the lines as they are, as JSON Lines')
    .action(async (text: string | undefined, options: SearchCommandOptions) => {
      const { search } = await import('../search.ts');
      finish(await search(text, options, terminal));
    });
};

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}
