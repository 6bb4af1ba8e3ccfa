/** Takes the days that are free to go out of the index, whole partitions where that is possible. */
import { ChatlogError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Database } from '../database/database.ts';
import { listPartitions } from '../partitions.ts';
import { clearSweep, isSweepDue, noteSweep } from './maintenance-state.ts';
import {
  dropIfGoing,
  type GoingRange,
  type RemoveOptions,
  removeDerived,
  removeMessages,
  whollyGoing,
} from './remove-rows.ts';
import { sweepReferences } from './sweep-references.ts';

export interface RemoveDaysOptions extends RemoveOptions {
  database: Database;
  log: Logger;
  /** Ids of all channels that were judged: a partition with others stays. */
  known: readonly number[];
  nowMs: number;
  dryRun: boolean;
  /** Throws where the maintenance lock is no longer ours. */
  confirm: () => Promise<void>;
}

export interface Removed {
  /** Months. */
  dropped: string[];
  /** By table. */
  rows: Map<string, number>;
}

export async function removeDays(
  ranges: readonly GoingRange[],
  options: RemoveDaysOptions,
): Promise<Removed> {
  if (options.dryRun) return wouldRemove(ranges, options);
  const { database, confirm } = options;
  const rows = new Map<string, number>();
  const dropped: string[] = [];
  if (ranges.length > 0) {
    await noteSweep(database);
    add(rows, await removeDerived(database, ranges, options));
    dropped.push(...(await dropPartitions(ranges, options)));
    for (const range of ranges) {
      await confirm();
      add(rows, new Map([['messages', await removeMessages(database, range, options)]]));
    }
  }
  // Also what a maintenance that died had left to do.
  if (await isSweepDue(database)) {
    add(rows, await sweepReferences(database, options.signal));
    await vacuum(ranges, rows, options);
    await clearSweep(database);
  }
  return { dropped, rows };
}

async function wouldRemove(
  ranges: readonly GoingRange[],
  { database, known, nowMs }: RemoveDaysOptions,
): Promise<Removed> {
  if (ranges.length === 0) return { dropped: [], rows: new Map() };
  const partitions = await database.transaction((session) => whollyGoing(session, ranges, known, nowMs));
  let messages = 0;
  for (const { channelId, fromMs, toMs } of ranges) {
    const { rows } = await database.transaction((session) =>
      session.query(
        'SELECT count(*) AS messages FROM messages WHERE channel_id = $1 AND ts >= $2 AND ts < $3',
        [channelId, new Date(fromMs), new Date(toMs)],
      ),
    );
    messages += rows[0]?.messages as number;
  }
  return { dropped: partitions.map(({ month }) => month), rows: new Map([['messages', messages]]) };
}

async function dropPartitions(ranges: readonly GoingRange[], options: RemoveDaysOptions): Promise<string[]> {
  const { database, known, nowMs, log } = options;
  const dropped: string[] = [];
  const partitions = await database.transaction((session) => whollyGoing(session, ranges, known, nowMs));
  for (const partition of partitions) {
    try {
      if (await dropIfGoing(database, partition, ranges, known, options)) dropped.push(partition.month);
    } catch (error) {
      if (!(error instanceof ChatlogError && error.code === 'database_conflict')) throw error;
      // Its rows go in batches, which need no lock on the whole table; the empty partition goes next time.
      log.info({ partition: partition.name }, 'readers are in the way of dropping a partition whole');
    }
  }
  return dropped;
}

/** Gives the space back to what comes, and the planner its figures. */
async function vacuum(
  ranges: readonly GoingRange[],
  rows: ReadonlyMap<string, number>,
  { database, signal }: RemoveDaysOptions,
): Promise<void> {
  const partitions = await database.transaction((session) => listPartitions(session));
  const touched = partitions.filter(({ fromMs, toMs }) =>
    ranges.some((range) => range.fromMs < toMs && range.toMs > fromMs),
  );
  const tables = [...rows].flatMap(([table, count]) => (count > 0 && table !== 'messages' ? [table] : []));
  for (const table of [...touched.map(({ name }) => name), ...tables]) {
    signal.throwIfAborted();
    await database.session((session) => session.exec(`VACUUM (ANALYZE) ${table}`));
  }
}

function add(rows: Map<string, number>, more: ReadonlyMap<string, number>): void {
  for (const [table, count] of more) rows.set(table, (rows.get(table) ?? 0) + count);
}
