import { Option } from 'commander';
import { addArchiveOption, addSelectionOptions } from '../archive-options.ts';
import type { SqlOptions } from '../sql.ts';
import { type AddCommand, subcommand } from './command.ts';

export const addSql: AddCommand = (program, { terminal, finish }) => {
  const command = subcommand(
    program,
    'sql [statement]',
    'Ask the archive with SQL (DuckDB): the chosen objects are the view "chat", each line once. Without a statement it is read from standard input.',
    `  chatlog sql --last 1d "select channel, count(*) from chat group by all order by 2 desc"
  chatlog sql --channel xqc --since 2026-11-01 --until 2026-12-01 \\
      "select username, count(*) from chat where type = 'message' group by 1 order by 2 desc limit 20"
  chatlog sql --user ann --last 7d "select timestamp, channel, message from chat" > ann.csv
  chatlog sql --last 30d --output bans.parquet "select * from chat where type = 'ban'"
  chatlog sql --archive s3://bucket/prefix --last 12h --cache /tmp/chat --file report.sql
  chatlog sql --schema`,
  );
  addSelectionOptions(addArchiveOption(command))
    .option('--file <file>', 'read the statement from a file; "-" is standard input')
    .addOption(
      new Option('--format <format>', 'table on a terminal, csv elsewhere when left out').choices([
        ...['table', 'csv', 'json', 'jsonl', 'parquet'],
      ]),
    )
    .option('-o, --output <file>', 'write the result there; its ending says the format')
    .option('--cache <dir>', 'keep what is fetched there, for the next query')
    .option('--memory <size>', 'what DuckDB may take before it writes to disk', '512MB')
    .option('--threads <n>', 'how many it may use; one per core when left out')
    .option('--allow-files', 'statements may read and write any file, and load extensions')
    .option('--schema', 'print the columns of "chat"')
    .option('-q, --quiet', 'no progress, no row count')
    .action(async (statement: string | undefined, options: SqlOptions) => {
      const { sql } = await import('../sql.ts');
      finish(await sql(statement, options, terminal));
    });
};
