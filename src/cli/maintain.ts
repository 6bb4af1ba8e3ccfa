/** `chatlog maintain`: retention now. Beside an instance that has the embedded database open, the instance is asked. */
import { join } from 'node:path';
import type { LoadedConfig } from '../config/load-config.ts';
import type { MaintenanceOptions } from '../index/retention/maintain.ts';
import { type MaintenanceReport, needsAttention } from '../index/retention/report.ts';
import { createLogger } from '../lib/create-logger.ts';
import { ChatlogError } from '../lib/errors.ts';
import { escapeControl } from '../lib/escape-control.ts';
import { onSignals } from '../lib/on-signals.ts';
import { EXIT } from './exit-code.ts';
import { formatBytes } from './format.ts';
import { askInstance } from './local-admin.ts';
import { openConfig } from './open-config.ts';
import { type Cell, type Terminal, table } from './terminal.ts';
import { withIndex } from './with-index.ts';

export interface MaintainCommandOptions {
  config: string;
  dryRun: boolean;
  retry: boolean;
  json?: boolean;
}

/** Fails where a pipeline is given up, or data waits past its time. */
export async function maintainCommand(options: MaintainCommandOptions, terminal: Terminal): Promise<number> {
  const loaded = await openConfig(options.config, terminal);
  if (!loaded) return EXIT.usage;
  const { dryRun, retry } = options;
  const report =
    (await askRunning(loaded, { dryRun, retry })) ?? (await maintainHere(loaded, { dryRun, retry }));
  if (options.json) terminal.out(JSON.stringify(report, null, 2));
  else printReport(report, terminal);
  return needsAttention(report) ? EXIT.failed : EXIT.ok;
}

/** A server's database is there for everyone; the embedded one is its instance's alone, while that runs. */
async function askRunning(
  { config }: LoadedConfig,
  body: MaintenanceOptions,
): Promise<MaintenanceReport | undefined> {
  if (config.database_url !== undefined) return undefined;
  return (await askInstance(config, 'POST', '/api/admin/maintain', body))?.body as
    | MaintenanceReport
    | undefined;
}

async function maintainHere(loaded: LoadedConfig, options: MaintenanceOptions): Promise<MaintenanceReport> {
  const { config, secrets } = loaded;
  const { createObjectStore } = await import('../storage/create-object-store.ts');
  const { Loader } = await import('../index/loader.ts');
  const { maintain } = await import('../index/retention/maintain.ts');
  const { openDecisions } = await import('../privacy/open-decisions.ts');
  const log = await createLogger({ level: 'error', format: config.log.format, secrets, fd: 2 });
  const store = createObjectStore(config, log);
  const stop = new AbortController();
  const removeSignals = onSignals({
    stop: () => stop.abort(new Error('stopped; what is done stays, the next run goes on')),
    reload: () => {},
  });
  try {
    return await withIndex(loaded, async (database) => {
      const parts = { database, store, log, now: Date.now };
      const decisions = await openDecisions({ ...parts, dataDir: config.data_dir });
      // What pipelines write holds nobody who asked for that: it has to be known who did.
      if (!options.dryRun && !(await decisions.sync(stop.signal)))
        throw new ChatlogError('decisions_unknown', `cannot read in ${store.name} whom nothing may show`, {
          hint: 'Try again when the storage answers: "chatlog check".',
        });
      const privacy = decisions.gate;
      const loader = new Loader({ database, config: () => config, privacy, log, now: Date.now });
      const tools = {
        ...{ ...parts, fetch, privacy, random: Math.random },
        scratch: join(config.data_dir, 'maintenance'),
        instance: config.instance,
        config: () => config,
        derive: (signal: AbortSignal) => loader.derive(signal),
      };
      return maintain(options, tools, stop.signal);
    });
  } finally {
    removeSignals();
    store.close();
  }
}

export function printReport(report: MaintenanceReport, terminal: Terminal): void {
  const { removed, waiting, waitingTotal, objects, partitionsCreated, partitionsDropped, rows, dryRun } =
    report;
  const went = dryRun ? 'would go' : 'gone';
  if (partitionsCreated.length > 0) terminal.out(`partitions made: ${partitionsCreated.join(', ')}`);
  if (removed.length > 0) {
    const cells = removed.map(({ platform, channel, from, to }): Cell[] => [
      { text: platform },
      { text: channel, style: 'bold' },
      { text: from === to ? from : `${from} to ${to}` },
    ]);
    terminal.out(table(terminal, ['PLATFORM', 'CHANNEL', `DAYS ${went.toUpperCase()}`], cells));
    const whole = partitionsDropped.length > 0 ? `; whole months: ${partitionsDropped.join(', ')}` : '';
    terminal.out(`${rows.messages ?? 0} messages ${went}${whole}\n`);
  } else terminal.out(`nothing ${dryRun ? 'would go' : 'went'}`);
  if (objects.removed > 0)
    terminal.out(`${objects.removed} objects ${went} (${formatBytes(objects.bytes)}): object_retention_days`);
  if (objects.waiting > 0)
    terminal.out(`${objects.waiting} objects past their time are still needed by the index`);
  if (waitingTotal === 0) return;
  const cells = waiting
    .slice(0, SHOWN_MAX)
    .map(({ platform, channel, day, reason, overdue }): Cell[] => [
      { text: platform },
      { text: channel, style: 'bold' },
      { text: day, ...(overdue && { style: 'red' }) },
      { text: reason },
    ]);
  terminal.out(table(terminal, ['PLATFORM', 'CHANNEL', 'WAITS', 'BECAUSE'], cells));
  if (waitingTotal > SHOWN_MAX)
    terminal.out(`... and ${waitingTotal - SHOWN_MAX} more days (--json has them)`);
  if (report.dead > 0)
    terminal.err(
      escapeControl(
        `${report.dead} pipeline runs are given up: "chatlog maintain --retry" takes them up again`,
      ),
    );
}

const SHOWN_MAX = 50;
