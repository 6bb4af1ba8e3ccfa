import { addArchiveOption, addSelectionOptions } from '../archive-options.ts';
import type { VerifyCommandOptions } from '../verify.ts';
import { type AddCommand, subcommand } from './command.ts';

export const addVerify: AddCommand = (program, { terminal, finish }) => {
  const command = subcommand(
    program,
    'verify',
    'Check the archive: every object against its metadata and the manifest of its day, every line, what is missing, what is not ours.',
    `  chatlog verify --last 7d
  chatlog verify --since 2026-11-01 --until 2026-12-01 --write-manifests
  chatlog verify --repair             put back what the local disk still has
  chatlog verify --quick --json || mail -s "archive damaged" me@example.org
  chatlog verify --archive /mnt/backup/archive`,
  );
  addSelectionOptions(addArchiveOption(command), { users: false })
    .option('--quick', 'listing, metadata and manifests alone; objects are not read')
    .option('--repair', 'put missing and damaged objects back from data_dir, and bring manifests up to date')
    .option('--write-manifests', 'write the manifests of days that are over, and add what came since')
    .option('--accept-loss', 'take what is missing for good out of the manifests')
    .option('-q, --quiet', 'no progress')
    .option('--json', 'print JSON')
    .action(async (options: VerifyCommandOptions) => {
      const { verifyCommand } = await import('../verify.ts');
      finish(await verifyCommand(options, terminal));
    });
};
