import type { Command } from 'commander';
import { addArchiveOption, addSelectionOptions } from '../archive-options.ts';
import type { StorageOptions } from '../storage.ts';
import type { LifecycleCommandOptions } from '../storage-lifecycle.ts';
import { type AddCommand, commandGroup, subcommand } from './command.ts';

export const addStorage: AddCommand = (program, { terminal, finish }) => {
  const storage = subcommand(
    program,
    'storage',
    'How much lies in the archive, by month and channel, and what it costs at the usual providers.',
    `  chatlog storage
  chatlog storage --by channel --last 30d
  chatlog storage --no-messages       from the listing alone, in seconds
  chatlog storage lifecycle print --transition STANDARD_IA:30`,
  );
  addSelectionOptions(addArchiveOption(storage), { users: false })
    .option('--by <what>', 'channel, month or platform')
    .option('--no-messages', 'do not count messages: no request for each object without a manifest')
    .option('-q, --quiet', 'no progress')
    .option('--json', 'print JSON')
    .action(async (options: StorageOptions) => {
      const { storageCommand } = await import('../storage.ts');
      finish(await storageCommand(options, terminal));
    });
  const lifecycle = commandGroup(
    storage,
    'lifecycle',
    'Rules that the bucket carries out by itself: unfinished uploads go after a day, and what you ask for.',
    `  chatlog storage lifecycle print
  chatlog storage lifecycle apply --transition STANDARD_IA:30 --yes`,
  );
  const load = () => import('../storage-lifecycle.ts');
  const add = (name: string, description: string): Command =>
    addArchiveOption(
      subcommand(
        lifecycle,
        name,
        description,
        `  chatlog storage lifecycle ${name}
  chatlog storage lifecycle ${name} --transition STANDARD_IA:30 --transition GLACIER_IR:90
  chatlog storage lifecycle ${name} --expire-days 730`,
      ),
    )
      .option('--transition <class:days>', 'move objects to another storage class; may be repeated', collect)
      .option('--expire-days <days>', 'remove objects; see the warning about pipelines and retention');
  add('print', 'Print the rules as JSON, for a bucket policy kept elsewhere.').action(
    async (options: LifecycleCommandOptions) => {
      finish(await (await load()).printLifecycle(options, terminal));
    },
  );
  add('apply', 'Show what would change, and with --yes change it. Rules of others stay as they are.')
    .option('--yes', 'change them')
    .action(async (options: LifecycleCommandOptions) => {
      finish(await (await load()).applyLifecycle(options, terminal));
    });
};

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}
