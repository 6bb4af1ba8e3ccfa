/** Maintenance as a role of `chatlog run`: by the configured schedule, when failed pipelines are due again, and on request. */
import { join } from 'node:path';
import { Cron } from 'croner';
import type { Config } from '../../config/schema.ts';
import { ChatlogError } from '../../lib/errors.ts';
import { migrate } from '../database/migrate.ts';
import { keepTrying, type Trouble } from '../keep-trying.ts';
import type { Loader } from '../loader.ts';
import { DAY_MS } from './due-ranges.ts';
import { type MaintenanceOptions, type MaintenanceTools, maintain } from './maintain.ts';
import { lastRun } from './maintenance-state.ts';
import { type MaintenanceReport, type MaintenanceSummary, needsAttention, summaryOf } from './report.ts';
import type { RetentionStatus } from './retention-health.ts';

/** What the API's admin routes ask of it. */
export interface MaintenanceControl {
  /** Throws `maintenance_running`, or what the database throws. */
  maintain(options: MaintenanceOptions): Promise<MaintenanceReport>;
}

/** Looked at the clock so often: a machine that slept, or whose clock was set, is not late by more. */
const LOOK_MS = 30_000;
/** A maintenance that another process does is waited for. */
const ELSEWHERE_MS = 300_000;

export class RetentionRole implements MaintenanceControl {
  readonly #tools: MaintenanceTools;
  readonly #stopping = new AbortController();
  #running = 0;
  #last: MaintenanceSummary | undefined;
  /** From when on the schedule's next time counts; undefined until the database was asked. */
  #sinceMs: number | undefined;
  #trouble: Trouble | undefined;

  constructor(tools: MaintenanceTools) {
    this.#tools = tools;
  }

  /** Until aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { log, now, random } = this.#tools;
    signal.addEventListener('abort', () => this.#stopping.abort(signal.reason), { once: true });
    await keepTrying(
      {
        task: 'maintain the index',
        round: () => this.#round(),
        onTrouble: (trouble) => {
          this.#trouble = trouble;
        },
        ...{ log, now, random },
      },
      signal,
    );
    this.#stopping.abort(signal.reason);
  }

  async maintain(options: MaintenanceOptions): Promise<MaintenanceReport> {
    this.#running++;
    try {
      const report = await maintain(options, this.#tools, this.#stopping.signal);
      if (!options.dryRun) this.#ended(report);
      return report;
    } finally {
      this.#running--;
    }
  }

  status(): RetentionStatus {
    return { running: this.#running > 0, last: this.#last, nextMs: this.#nextMs(), trouble: this.#trouble };
  }

  /** One look at the clock. Resolves with the time to the next, ms. */
  async #round(): Promise<number> {
    const { database, log, now } = this.#tools;
    if (this.#sinceMs === undefined) await this.#begin();
    const waitMs = this.#nextMs()! - now();
    if (waitMs > 0) return Math.min(waitMs, LOOK_MS);
    try {
      await this.maintain({});
    } catch (error) {
      if (!(error instanceof ChatlogError && error.code === 'maintenance_running')) throw error;
      log.info({}, 'another process maintains the index');
      this.#last = await lastRun(database);
      return ELSEWHERE_MS;
    }
    return 0;
  }

  async #begin(): Promise<void> {
    const { database, now } = this.#tools;
    await migrate(database);
    this.#last = await lastRun(database);
    const lastMs = this.#last === undefined ? Number.NEGATIVE_INFINITY : Date.parse(this.#last.finishedAt);
    // What was missed while nothing ran is made up for at once.
    this.#sinceMs = lastMs > now() - DAY_MS ? lastMs : Number.NEGATIVE_INFINITY;
  }

  #ended(report: MaintenanceReport): void {
    const { log, now } = this.#tools;
    this.#last = summaryOf(report);
    this.#sinceMs = now();
    const { waiting, ...figures } = this.#last;
    const fields = { ...figures, partitionsDropped: report.partitionsDropped, waitingDays: waiting };
    if (needsAttention(report))
      log.warn(fields, 'maintained the index; some data waits: chatlog maintain --dry-run says why');
    else log.info(fields, 'maintained the index');
  }

  #nextMs(): number | undefined {
    const sinceMs = this.#sinceMs;
    if (sinceMs === undefined) return undefined;
    if (sinceMs === Number.NEGATIVE_INFINITY) return this.#tools.now();
    const retryAt = this.#last?.nextAttemptAt;
    return Math.min(
      nextTimeMs(this.#tools.config(), sinceMs),
      retryAt ? Math.max(Date.parse(retryAt), sinceMs) : Number.POSITIVE_INFINITY,
    );
  }
}

/** The role over what the other stages are made of too. */
export function startRetentionRole({ loader, ...shared }: RetentionRoleOptions): RetentionRole {
  const { data_dir, instance } = shared.config();
  return new RetentionRole({
    ...shared,
    fetch,
    random: Math.random,
    scratch: join(data_dir, 'maintenance'),
    instance,
    derive: (signal) => loader.derive(signal),
  });
}

export type RetentionRoleOptions = Pick<
  MaintenanceTools,
  'config' | 'store' | 'database' | 'privacy' | 'log' | 'now'
> & { loader: Loader };

/** The schedule's first time after a moment, UTC. One that never comes (30 February) is waited for a day. */
export function nextTimeMs({ maintenance }: Pick<Config, 'maintenance'>, afterMs: number): number {
  const cron = new Cron(maintenance.schedule, { timezone: 'UTC', paused: true });
  return cron.nextRun(new Date(afterMs))?.getTime() ?? afterMs + DAY_MS;
}
