import { Option } from 'commander';
import { FORMAT_NAMES } from '../../archive/formats/formats.ts';
import { addArchiveOption, addSelectionOptions } from '../archive-options.ts';
import type { PullCommandOptions } from '../pull.ts';
import { COMPRESSIONS } from '../pull-target.ts';
import { type AddCommand, subcommand } from './command.ts';

export const addPull: AddCommand = (program, { terminal, finish }) => {
  const command = subcommand(
    program,
    'pull',
    'Get the archive, or a part of it: in order of time, every message once, checked. Broken off, the same command goes on.',
    `  chatlog pull --output backup                          a folder: a file for every channel and day
  chatlog pull --channel xqc --last 7d --output xqc.csv  one file; its ending says the form
  chatlog pull --since 2026-11-01 --until 2026-12-01 --output november.jsonl.zst
  chatlog pull --channel "x*" --user ann --format text --output -
  chatlog pull --channel xqc --last 1d | jq -r .message
  chatlog pull --archive s3://bucket/prefix --dry-run --output all
  chatlog pull --channel xqc --last 1d --format html --output xqc.html`,
  );
  addSelectionOptions(addArchiveOption(command))
    .option('-o, --output <place>', 'a folder, a file, or - for standard output, the default in a pipe')
    .addOption(
      new Option(
        '-f, --format <format>',
        'of the file by its ending, else jsonl: the lines as they were recorded',
      ).choices(FORMAT_NAMES),
    )
    .addOption(
      new Option('--compress <kind>', 'of the file by its ending, else none').choices([...COMPRESSIONS]),
    )
    .option('--dry-run', 'say what would be read')
    .option('--force', 'overwrite files that are there')
    .option('--strict', 'stop at an object that is damaged or missing, in place of giving what can be read')
    .option('-q, --quiet', 'no progress, and no summary where all went well')
    .option('--json', 'print the summary as JSON')
    .action(async (options: PullCommandOptions) => {
      const { pullCommand } = await import('../pull.ts');
      finish(await pullCommand(options, terminal));
    });
};
