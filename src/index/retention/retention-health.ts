/** How maintenance stands, for `/status` and `/health`. */
import type { Trouble } from '../keep-trying.ts';
import { DAY_MS } from './due-ranges.ts';
import type { MaintenanceSummary } from './report.ts';

export interface RetentionStatus {
  running: boolean;
  /** The last run that came to its end, in whichever process; undefined before the first. */
  last: MaintenanceSummary | undefined;
  /** Ms since the epoch; undefined until the database was asked for the last run. */
  nextMs: number | undefined;
  /** Why the last attempt broke off; undefined where it did not. */
  trouble: Trouble | undefined;
}

/** Trouble is the database's, which the index reports too; it is retention's own only when it lasts. */
const TROUBLE_DAYS_MAX = 2;

/** For `/health`. The process is ready without it. */
export function retentionHealth(
  { last, trouble, running }: RetentionStatus,
  nowMs: number,
): { ok: boolean; detail: string } {
  const counts = last
    ? [
        last.dead > 0 && `${last.dead} pipeline runs given up: chatlog maintain --retry takes them up again`,
        last.overdue > 0 &&
          `${last.overdue} days of data wait past their time: chatlog maintain --dry-run says why`,
      ].filter((text) => text !== false)
    : [];
  if (counts.length > 0) return { ok: false, detail: counts.join('; ') };
  if (trouble)
    return {
      ok: nowMs - trouble.sinceMs < TROUBLE_DAYS_MAX * DAY_MS,
      detail: `tried again: ${trouble.error}`,
    };
  if (running) return { ok: true, detail: 'under way' };
  if (!last) return { ok: true, detail: 'not run yet' };
  return { ok: true, detail: `last at ${last.finishedAt}, ${last.waiting} days wait` };
}
