import { addArchiveOption, addSelectionOptions } from '../archive-options.ts';
import type { CompactCommandOptions } from '../compact.ts';
import { type AddCommand, subcommand } from './command.ts';

export const addCompact: AddCommand = (program, { terminal, finish }) => {
  const command = subcommand(
    program,
    'compact',
    'Merge the hours of finished days into one object for each channel and day: sorted, each message once, smaller. What is merged is removed once the result was proved to hold the same and read back.',
    `  chatlog compact --dry-run
  chatlog compact                     everything that ended two days ago or longer
  chatlog compact --channel xqc --since 2026-11-01 --until 2026-12-01
  chatlog compact --parquet           also tables for DuckDB, Spark, Athena
  chatlog compact --archive /mnt/backup/archive --keep-sources`,
  );
  addSelectionOptions(addArchiveOption(command), { users: false })
    .option('--older-than <duration>', 'leave days alone that ended later than so long ago', '2d')
    .option('--parquet', 'write Parquet as well: parquet/dt=2026-11-21/platform=twitch/xqc.parquet')
    .option('--keep-sources', 'remove nothing')
    .option(
      '--level <number>',
      'of zstd, 1 to 22: 12 is ten times as fast as the default and takes a tenth more',
    )
    .option('--dry-run', 'change nothing; say what would be merged')
    .option('-q, --quiet', 'no progress')
    .option('--json', 'print JSON')
    .action(async (options: CompactCommandOptions) => {
      const { compactCommand } = await import('../compact.ts');
      finish(await compactCommand(options, terminal));
    });
};
