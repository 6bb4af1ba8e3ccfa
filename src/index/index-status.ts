/** What the indexer says of itself. Times are ms since the epoch. */
export interface IndexStatus {
  /** The database's name. */
  database: string;
  /**
   * `starting`: it has not seen its database yet. `catching_up`: there is more than one look takes on. `following`: what
   * was there at the last look is in the index. `waiting`: the database is away.
   */
  state: 'starting' | 'catching_up' | 'following' | 'waiting';
  /** Everything that was on the local disk then is in the index; undefined before the first time. */
  caughtUpMs: number | undefined;
  /** Local files that wait for their turn, and those that cannot be loaded. */
  waitingFiles: number;
  refusedFiles: number;
  /** Since the start: lines read, rows that became of them, lines that are no lines of ours. */
  lines: number;
  inserted: number;
  rejected: number;
  archive: ArchiveStatus;
  /** What the last attempt failed with, and since when; undefined while all goes well. */
  trouble: { error: string; sinceMs: number } | undefined;
}

export interface ArchiveStatus {
  /** Under way; else what the last look through the storage found. */
  scanning: boolean;
  segments: number;
  loaded: number;
  failed: number;
  /** When the last one ended; undefined before the first. */
  scannedMs: number | undefined;
  /** Why it could not be looked through; undefined where it could. */
  error: string | undefined;
}

/** An index that is further behind than this, and gets no nearer, is not well. */
const LAG_MAX_MS = 120_000;

/** How far the index is behind what is recorded here; undefined before it first caught up. */
export function lagSeconds({ caughtUpMs }: IndexStatus, nowMs: number): number | undefined {
  return caughtUpMs === undefined ? undefined : Math.max(0, (nowMs - caughtUpMs) / 1000);
}

/** For `/health`. The process is ready without it: recording does not need the index. */
export function indexHealth(status: IndexStatus, nowMs: number): { ok: boolean; detail: string } {
  const { state, trouble, waitingFiles, inserted, archive, database } = status;
  if (trouble) {
    const seconds = Math.round((nowMs - trouble.sinceMs) / 1000);
    return {
      ok: false,
      detail: `for ${seconds} s: ${trouble.error}; recording goes on, the index catches up`,
    };
  }
  if (state === 'starting') return { ok: true, detail: `${database} is being opened` };
  const lag = lagSeconds(status, nowMs);
  if (state === 'catching_up')
    return { ok: true, detail: `catching up: ${waitingFiles} files to go, ${inserted} rows loaded` };
  if (lag !== undefined && lag * 1000 > LAG_MAX_MS)
    return { ok: false, detail: `no look at the recorded lines for ${Math.round(lag)} s` };
  const failed = archive.failed > 0 ? `; ${archive.failed} objects in storage cannot be indexed` : '';
  const unreachable =
    archive.error === undefined ? '' : `; storage cannot be looked through: ${archive.error}`;
  return { ok: true, detail: `${inserted} rows loaded into ${database}${failed}${unreachable}` };
}
