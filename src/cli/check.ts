import type { Config } from '../config/schema.ts';
import { escapeControl } from '../lib/escape-control.ts';
import { explainFileError } from '../lib/explain-file-error.ts';
import type { Logger } from '../lib/logger.ts';
import { textRedactor } from '../lib/redact.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { attempt, type CheckResult } from './checks/check-result.ts';
import { checkDataDirectory, checkHttpPort } from './checks/local-checks.ts';
import { checkBackfill, checkIrc, checkTwitch } from './checks/platform-checks.ts';
import { EXIT } from './exit-code.ts';
import { openConfig } from './open-config.ts';
import { runningInstance } from './running-instance.ts';
import { type Cell, type Terminal, table } from './terminal.ts';

/** What a check reaches out with; replaced in tests. */
export interface CheckTools {
  createObjectStore(config: Config, log: Logger): ObjectStore;
  fetch: typeof fetch;
  /** Each check gives up after so long. */
  timeoutMs: number;
}

const TIMEOUT_MS = 10_000;

async function defaultTools(): Promise<CheckTools> {
  const { createObjectStore } = await import('../storage/create-object-store.ts');
  return { createObjectStore, fetch, timeoutMs: TIMEOUT_MS };
}

/** `chatlog check`: fails when something that recording needs does not work. */
export async function check(
  options: { config: string; json?: boolean },
  terminal: Terminal,
  tools?: CheckTools,
): Promise<number> {
  const loaded = await openConfig(options.config, terminal);
  if (!loaded) return EXIT.usage;
  const results = await runChecks(loaded.config, tools ?? (await defaultTools()));
  const redact = textRedactor(loaded.secrets);
  // Some servers repeat what they were told.
  const cleaned = results.map((result) => ({ ...result, detail: redact(result.detail) }));
  const checks = [configurationResult(options.config, loaded.warnings.length), ...cleaned];
  const ok = checks.every(({ outcome }) => outcome !== 'failed');
  if (options.json) terminal.out(JSON.stringify({ ok, checks }, null, 2));
  else printChecks(checks, terminal);
  return ok ? EXIT.ok : EXIT.failed;
}

function configurationResult(file: string, warnings: number): CheckResult {
  if (warnings === 0) return { what: 'configuration', outcome: 'ok', detail: file };
  return {
    what: 'configuration',
    outcome: 'warn',
    detail: `${file}, with ${warnings} warning${warnings === 1 ? '' : 's'} (above)`,
  };
}

type Step = [what: string, check: (signal: AbortSignal) => Promise<CheckResult>];

/** All at once; in the order in which they are shown. */
function runChecks(config: Config, tools: CheckTools): Promise<CheckResult[]> {
  const { twitch, http } = config;
  const steps: Step[] = [
    ['data_dir', () => checkDataDirectory(config)],
    ['storage', (signal) => checkStorage(config, tools, signal)],
  ];
  if (twitch?.enabled) {
    const { backfill } = twitch;
    steps.push(['twitch', (signal) => checkTwitch(twitch, signal)]);
    if (backfill.enabled)
      steps.push(['backfill', (signal) => checkBackfill(backfill.url, tools.fetch, signal)]);
  }
  for (const [name, network] of Object.entries(config.irc)) {
    if (network.enabled) steps.push([`irc-${name}`, (signal) => checkIrc(name, network, signal)]);
  }
  if (http.enabled)
    steps.push(['http', async () => checkHttpPort(config, await runningInstance(config.data_dir))]);
  return Promise.all(steps.map((step) => inTime(step, tools.timeoutMs)));
}

/** The check's own answer has a moment more: it knows better how far it came. A file system may heed no signal. */
async function inTime([what, check]: Step, timeoutMs: number): Promise<CheckResult> {
  const late = Promise.withResolvers<CheckResult>();
  const timer = setTimeout(
    () => late.resolve({ what, outcome: 'failed', detail: `no answer in ${timeoutMs / 1000} s` }),
    timeoutMs + OWN_ANSWER_MS,
  );
  try {
    return await Promise.race([check(AbortSignal.timeout(timeoutMs)), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

const OWN_ANSWER_MS = 500;

function checkStorage(config: Config, tools: CheckTools, signal: AbortSignal): Promise<CheckResult> {
  const { s3, archive } = config;
  return attempt('storage', async () => {
    const store = tools.createObjectStore(config, SILENT);
    try {
      await store.check(signal);
      return { outcome: 'ok', detail: `${store.name}: wrote, read and removed an object` };
    } catch (error) {
      throw s3 ? error : explainFileError(error, { name: 'archive.directory', path: archive.directory });
    } finally {
      store.close();
    }
  });
}

/** What the storage would log is in the error, too. */
const SILENT: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => SILENT,
};

const SIGNS = {
  ok: { text: 'ok', style: 'green' },
  warn: { text: 'warn', style: 'yellow' },
  failed: { text: 'failed', style: 'red' },
} as const;

function printChecks(checks: readonly CheckResult[], terminal: Terminal): void {
  const rows = checks.map(({ what, outcome, detail }): Cell[] => [
    { text: what, style: 'bold' },
    SIGNS[outcome],
    { text: detail },
  ]);
  terminal.out(table(terminal, ['WHAT', 'RESULT', 'DETAIL'], rows));
  const hints = checks.filter(({ hint }) => hint !== undefined);
  if (hints.length === 0) return;
  terminal.out('');
  for (const { what, hint } of hints)
    terminal.out(`${terminal.style('bold', what)}: ${escapeControl(hint!)}`);
}
