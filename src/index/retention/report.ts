/** What one maintenance did, or would do: JSON for programs (`chatlog maintain --json`, the admin API). */
import type { RunState } from './pipeline-state.ts';

export interface MaintenanceReport {
  dryRun: boolean;
  /** RFC 3339. */
  startedAt: string;
  finishedAt: string;
  /** Months, as `2026-11`. */
  partitionsCreated: string[];
  partitionsDropped: string[];
  /** Days whose rows went (in a dry run: would go), joined where they follow each other. */
  removed: RemovedRange[];
  /** Rows by table; of partitions that were dropped whole nobody counts them. */
  rows: Record<string, number>;
  /** Days whose rows are due and wait; the first thousand. */
  waiting: WaitingDay[];
  waitingTotal: number;
  /** Of them, those that wait for longer than a day. */
  overdue: number;
  /** Pipelines' runs that nobody tries again before `--retry`. */
  dead: number;
  /** When the next failed run is tried again. */
  nextAttemptAt: string | null;
  objects: ObjectsReport;
}

export interface RemovedRange {
  platform: string;
  channel: string;
  /** First and last day, both inclusive: `2026-11-21`. */
  from: string;
  to: string;
}

export interface WaitingDay {
  platform: string;
  channel: string;
  day: string;
  /** One sentence for people. */
  reason: string;
  overdue: boolean;
  pipelines: { name: string; state: RunState; error?: string; nextAttemptAt?: string }[];
}

export interface ObjectsReport {
  /** Removed (in a dry run: would be) because of `object_retention_days`. */
  removed: number;
  bytes: number;
  /** Past their time, and still needed by the index. */
  waiting: number;
  /** Keys; the first thousand. */
  keys: string[];
}

/** What survives of the last run in the database: for the status, whichever process asks. */
export interface MaintenanceSummary {
  finishedAt: string;
  /** Messages of partitions that were dropped whole are not in it. */
  messagesRemoved: number;
  waiting: number;
  overdue: number;
  dead: number;
  nextAttemptAt: string | null;
}

export const LISTED_MAX = 1_000;

export function summaryOf(report: MaintenanceReport): MaintenanceSummary {
  return {
    finishedAt: report.finishedAt,
    messagesRemoved: report.rows.messages ?? 0,
    waiting: report.waitingTotal,
    overdue: report.overdue,
    dead: report.dead,
    nextAttemptAt: report.nextAttemptAt,
  };
}

/** Whether a person has to look at it: what the exit code of `chatlog maintain` says. */
export function needsAttention({ dead, overdue }: Pick<MaintenanceReport, 'dead' | 'overdue'>): boolean {
  return dead > 0 || overdue > 0;
}
