/**
 * One maintenance: partitions ahead, pipelines over what is due, then what they are done with goes. Every part can be
 * ended anywhere and begun again; what stands in the database says how far it came.
 *
 *     partitions ahead → floors up → each due day: wholly indexed? pipelines done? objects verified?
 *       → derived rows of the free days → whole partitions, else messages in batches → what nothing refers to
 *       → VACUUM → objects past their own retention
 */
import { mkdir, rm } from 'node:fs/promises';
import type { Config } from '../../config/schema.ts';
import { ChatlogError } from '../../lib/errors.ts';
import type { Database } from '../database/database.ts';
import { createPartitions, monthsAhead } from '../partitions.ts';
import { findDueDays, type IndexedChannel, indexedChannels, raiseFloors } from './due-days.ts';
import { DAY_MS, dayText } from './due-ranges.ts';
import { expireObjects } from './expire-objects.ts';
import { type FreeOptions, freeDay } from './free-day.ts';
import { type HeldLock, withMaintenanceLock } from './maintenance-lock.ts';
import { rememberRun } from './maintenance-state.ts';
import { removeDays } from './remove-days.ts';
import { type GoingRange, joinDays } from './remove-rows.ts';
import { LISTED_MAX, type MaintenanceReport, type RemovedRange } from './report.ts';
import type { PipelineTools } from './run-pipeline.ts';

export interface MaintenanceTools extends PipelineTools {
  /** As it is in effect now. */
  config: () => Config;
  /** Brings what is derived from messages up to date, before anything is counted and removed. */
  derive: (signal: AbortSignal) => Promise<void>;
}

export interface MaintenanceOptions {
  /** Changes nothing and says what would go, and why what waits. */
  dryRun?: boolean;
  /** Also what failed and is to be tried later, and dead letters. */
  retry?: boolean;
}

/** Throws `maintenance_running` where another one runs, and what the database throws. */
export async function maintain(
  options: MaintenanceOptions,
  tools: MaintenanceTools,
  signal: AbortSignal,
): Promise<MaintenanceReport> {
  if (options.dryRun) return new Maintenance(options, tools, UNLOCKED, signal).run();
  return withMaintenanceLock(tools.database, (lock) => new Maintenance(options, tools, lock, signal).run());
}

/** Nothing is changed: nobody needs to be kept out. */
const UNLOCKED: HeldLock = { confirm: async () => {} };

class Maintenance {
  readonly #options: FreeOptions;
  readonly #tools: MaintenanceTools;
  readonly #lock: HeldLock;
  readonly #signal: AbortSignal;
  readonly #report: MaintenanceReport;

  constructor(options: MaintenanceOptions, tools: MaintenanceTools, lock: HeldLock, signal: AbortSignal) {
    const { dryRun = false, retry = false } = options;
    this.#options = { config: tools.config(), dryRun, retry };
    this.#tools = tools;
    this.#lock = lock;
    this.#signal = signal;
    this.#report = {
      dryRun,
      startedAt: new Date(tools.now()).toISOString(),
      finishedAt: '',
      partitionsCreated: [],
      partitionsDropped: [],
      removed: [],
      rows: {},
      waiting: [],
      waitingTotal: 0,
      overdue: 0,
      dead: 0,
      nextAttemptAt: null,
      objects: { removed: 0, bytes: 0, waiting: 0, keys: [] },
    };
  }

  async run(): Promise<MaintenanceReport> {
    const { dryRun, config } = this.#options;
    const { database, store, now } = this.#tools;
    const nowMs = now();
    await requireClock(database, nowMs);
    if (!dryRun) await this.#prepare(nowMs);
    const channels = await database.transaction((session) => indexedChannels(session, config, nowMs));
    if (!dryRun) await raiseFloors(database, channels);
    const ranges = await this.#freeDays(channels);
    await this.#remove(ranges, channels, nowMs);
    const signal = this.#signal;
    if (this.#options.storeProblem === undefined)
      this.#report.objects = await expireObjects({
        database,
        store,
        config,
        channels,
        nowMs,
        dryRun,
        signal,
      });
    this.#report.finishedAt = new Date(now()).toISOString();
    if (!dryRun) await rememberRun(database, this.#report);
    return this.#report;
  }

  async #prepare(nowMs: number): Promise<void> {
    const { scratch, database, derive, log } = this.#tools;
    await rm(scratch, { recursive: true, force: true });
    await mkdir(scratch, { recursive: true });
    try {
      this.#report.partitionsCreated = await createPartitions(
        database,
        monthsAhead(nowMs),
        this.#lockTimeoutMs,
        this.#signal,
      );
    } catch (error) {
      if (!(error instanceof ChatlogError && error.code === 'database_conflict')) throw error;
      log.warn({ err: error.message }, 'the partitions ahead are made next time: readers were in the way');
    }
    await derive(this.#signal);
  }

  /** The days that may go. Day by day over all channels, so that the oldest are free first. */
  async #freeDays(channels: readonly IndexedChannel[]): Promise<GoingRange[]> {
    const due = [];
    for (const channel of channels) due.push(...(await findDueDays(this.#tools.database, channel)));
    due.sort((a, b) => a.dayMs - b.dayMs);
    const free: { channelId: number; dayMs: number }[] = [];
    for (const day of due) {
      this.#signal.throwIfAborted();
      await this.#lock.confirm();
      const waiting = await freeDay(day, this.#options, this.#tools, this.#signal);
      if (waiting) this.#note(waiting);
      else free.push({ channelId: day.channel.id, dayMs: day.dayMs });
    }
    const ranges = joinDays(free);
    this.#report.removed = describeRanges(ranges, channels);
    return ranges;
  }

  #note(day: MaintenanceReport['waiting'][number]): void {
    const report = this.#report;
    report.waitingTotal++;
    if (day.overdue) report.overdue++;
    if (report.waiting.length < LISTED_MAX) report.waiting.push(day);
    for (const { state, nextAttemptAt } of day.pipelines) {
      if (state === 'dead') report.dead++;
      if (state === 'failed' && nextAttemptAt !== undefined)
        report.nextAttemptAt =
          report.nextAttemptAt === null || nextAttemptAt < report.nextAttemptAt
            ? nextAttemptAt
            : report.nextAttemptAt;
    }
  }

  async #remove(
    ranges: readonly GoingRange[],
    channels: readonly IndexedChannel[],
    nowMs: number,
  ): Promise<void> {
    const { database, log } = this.#tools;
    const { config, dryRun } = this.#options;
    const { dropped, rows } = await removeDays(ranges, {
      database,
      log,
      known: channels.map(({ id }) => id),
      nowMs,
      dryRun,
      confirm: () => this.#lock.confirm(),
      batch: config.maintenance.delete_batch,
      lockTimeoutMs: this.#lockTimeoutMs,
      signal: this.#signal,
    });
    this.#report.partitionsDropped = dropped;
    this.#report.rows = Object.fromEntries(rows);
  }

  get #lockTimeoutMs(): number {
    return this.#options.config.maintenance.lock_timeout_seconds * 1000;
  }
}

/** A clock that runs ahead would take what is not due, objects too. Two clocks seldom run ahead alike. */
async function requireClock(database: Database, nowMs: number): Promise<void> {
  const { rows } = await database.transaction((session) => session.query('SELECT now() AS now'));
  const databaseMs = (rows[0]!.now as Date).getTime();
  if (nowMs - databaseMs <= DAY_MS) return;
  throw new ChatlogError(
    'clock_ahead',
    `the clock of this machine (${new Date(nowMs).toISOString()}) is more than a day ahead of the database's`,
    { hint: 'Nothing was removed. Set the clock right.' },
  );
}

function describeRanges(ranges: readonly GoingRange[], channels: readonly IndexedChannel[]): RemovedRange[] {
  const byId = new Map(channels.map((channel) => [channel.id, channel]));
  return ranges.map(({ channelId, fromMs, toMs }) => {
    const { platform, name } = byId.get(channelId)!;
    return { platform, channel: name, from: dayText(fromMs), to: dayText(toMs - DAY_MS) };
  });
}
