/** `chatlog storage`: how much lies in the archive, and what it costs. */
import { PRICES, PRICES_AS_OF } from '../archive/cost/prices.ts';
import { projectCost } from '../archive/cost/project-cost.ts';
import { sumRows, surveyStorage } from '../archive/cost/survey-storage.ts';
import { ChatlogError } from '../lib/errors.ts';
import { onSignals } from '../lib/on-signals.ts';
import { providerProfile } from '../storage/provider-profile.ts';
import {
  type ArchiveOptions,
  openArchiveOf,
  parseSelection,
  type SelectionOptions,
} from './archive-options.ts';
import { EXIT } from './exit-code.ts';
import { formatBytes } from './format.ts';
import { ProgressLine } from './progress-line.ts';
import { GROUPINGS, printStorage, type StorageReport } from './storage-report.ts';
import type { Terminal } from './terminal.ts';

export interface StorageOptions extends ArchiveOptions, SelectionOptions {
  by?: string;
  /** False for `--no-messages`. */
  messages: boolean;
  quiet?: boolean;
  json?: boolean;
}

export async function storageCommand(options: StorageOptions, terminal: Terminal): Promise<number> {
  const parsed = parseSelection(options, Date.now());
  const problems = 'problems' in parsed ? parsed.problems : [];
  const by = GROUPINGS.find((name) => name === options.by);
  if (options.by !== undefined && !by)
    problems.push(`--by should be ${GROUPINGS.join(', ')}, found "${options.by}"`);
  if ('problems' in parsed || problems.length > 0) {
    for (const problem of problems) terminal.err(problem);
    return EXIT.usage;
  }
  using archive = await openArchiveOf(options, terminal);
  if (!archive) return EXIT.usage;
  const { store, s3 } = archive;
  const stop = new AbortController();
  const removeSignals = onSignals({
    stop: () => stop.abort(new ChatlogError('stopped', 'stopped')),
    reload() {},
  });
  const { json = false, quiet = false } = options;
  const line = new ProgressLine(terminal, { isQuiet: json || quiet });
  const done = { objects: 0, bytes: 0 };
  try {
    const { rows, ...survey } = await surveyStorage({
      ...{ store, selection: parsed.selection, countsMessages: options.messages, now: Date.now },
      onObject: (bytes) => {
        done.objects++;
        done.bytes += bytes;
        line.show(() => `${done.objects} objects, ${formatBytes(done.bytes)}`);
      },
      signal: stop.signal,
    });
    const total = sumRows(rows);
    const report: StorageReport = {
      ...{ archive: store.name, total, ...survey, rows, pricesAsOf: PRICES_AS_OF },
      provider: s3 && providerProfile(s3).provider,
      costs: PRICES.map((price) => ({
        ...projectCost(total, survey.monthly, price),
        provider: price.provider,
        isDefault: price.isDefault,
      })),
    };
    line.clear();
    if (json) terminal.out(JSON.stringify(report, null, 2));
    else printStorage(report, by, terminal);
    return EXIT.ok;
  } finally {
    line.clear();
    removeSignals();
  }
}
