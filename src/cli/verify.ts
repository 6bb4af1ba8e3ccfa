/** `chatlog verify`: every object against its metadata and the day's manifest. */

import { archiveDays } from '../archive/archive-days.ts';
import { LocalCopies } from '../archive/verify/local-copies.ts';
import { countObjects, verifyArchive } from '../archive/verify/verify-archive.ts';
import type { Config } from '../config/schema.ts';
import { ChatlogError } from '../lib/errors.ts';
import { onSignals } from '../lib/on-signals.ts';
import {
  type ArchiveOptions,
  type OpenedArchive,
  openArchiveOf,
  parseSelection,
  type SelectionOptions,
} from './archive-options.ts';
import { EXIT } from './exit-code.ts';
import { ProgressLine, type TransferProgress } from './progress-line.ts';
import type { Terminal } from './terminal.ts';
import { isClean, printVerification } from './verify-report.ts';

export interface VerifyCommandOptions extends ArchiveOptions, SelectionOptions {
  repair?: boolean;
  writeManifests?: boolean;
  acceptLoss?: boolean;
  quick?: boolean;
  quiet?: boolean;
  json?: boolean;
}

/** Fails where a problem is left, or where it was stopped. */
export async function verifyCommand(options: VerifyCommandOptions, terminal: Terminal): Promise<number> {
  const parsed = parseSelection(options, Date.now());
  if ('problems' in parsed) {
    for (const problem of parsed.problems) terminal.err(problem);
    return EXIT.usage;
  }
  const { repair = false, writeManifests = false, acceptLoss = false, quick = false, json = false } = options;
  const writes = repair || writeManifests || acceptLoss;
  using archive = await openArchiveOf(options, terminal, writes ? 'write' : 'read');
  if (!archive) return EXIT.usage;
  const { store, config } = archive;
  const stop = new AbortController();
  const removeSignals = onSignals({
    stop: () => stop.abort(new ChatlogError('stopped', 'stopped')),
    reload() {},
  });
  const line = new ProgressLine(terminal, { isQuiet: json || options.quiet === true });
  const progress: TransferProgress = {
    ...{ doneBytes: 0, doneObjects: 0, totalBytes: undefined, totalObjects: undefined },
  };
  try {
    const listing = {
      store,
      selection: parsed.selection,
      signal: stop.signal,
      exportPrefixes: [],
      onOther() {},
    };
    // In the meantime: what is to be done first is known long before.
    const counted = json || options.quiet ? Promise.resolve() : countInto(progress, archiveDays(listing));
    const report = await verifyArchive({
      ...{ store, selection: parsed.selection, signal: stop.signal, now: Date.now },
      exportPrefixes: await exportPrefixesOf(config),
      isQuick: quick,
      repairs: repair,
      writes: { add: writeManifests || repair, renew: repair, acceptLoss },
      ...(await localCopies(options, archive)),
      instance: config?.instance ?? '',
      onObject: (bytes) => {
        progress.doneObjects++;
        progress.doneBytes += bytes;
        line.showTransfer(progress);
      },
    });
    stop.abort(new ChatlogError('stopped', 'stopped'));
    await counted;
    line.clear();
    if (json) terminal.out(JSON.stringify({ archive: store.name, ...report }, null, 2));
    else printVerification({ archive: store.name, isQuick: quick, report }, terminal);
    return report.complete && isClean(report) ? EXIT.ok : EXIT.failed;
  } finally {
    line.clear();
    stop.abort();
    removeSignals();
  }
}

/** Progress without a total is progress, too. */
async function countInto(progress: TransferProgress, days: ReturnType<typeof archiveDays>): Promise<void> {
  try {
    const { objects, bytes } = await countObjects(days);
    progress.totalObjects = objects;
    progress.totalBytes = bytes;
  } catch {
    // Whoever verifies says what is wrong with the listing.
  }
}

async function exportPrefixesOf(config: Config | undefined): Promise<string[]> {
  if (!config) return [];
  const { exportPrefixes } = await import('../privacy/forget/forget-exports.ts');
  return exportPrefixes(config);
}

/** Copies belong to the storage that the configuration names: another archive may have other lines under the same keys. */
async function localCopies(
  { archive: place }: ArchiveOptions,
  { config }: OpenedArchive,
): Promise<{ local: LocalCopies | undefined; localProblem: string }> {
  if (place !== undefined || !config)
    return { local: undefined, localProblem: 'copies in data_dir are looked for without --archive alone' };
  const local = await LocalCopies.open(config.data_dir);
  return { local, localProblem: `there are no copies: nothing was ever recorded below ${config.data_dir}` };
}
