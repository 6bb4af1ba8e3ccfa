import type { IndexOptions } from '../index-segments.ts';
import { type AddCommand, subcommand } from './command.ts';

export const addIndex: AddCommand = (program, { terminal, finish }) => {
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
      const { indexSegments } = await import('../index-segments.ts');
      finish(await indexSegments(options, terminal));
    });
};
