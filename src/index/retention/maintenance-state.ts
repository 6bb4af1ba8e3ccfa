/** What maintenance remembers in the database (`index_meta`) from one run to the next. */
import type { Database } from '../database/database.ts';
import { type MaintenanceReport, type MaintenanceSummary, summaryOf } from './report.ts';

const LAST_RUN = 'maintenance';
/** Rows have gone, and what they referred to has not been looked through since. */
const SWEEP = 'maintenance_sweep';

export async function rememberRun(database: Database, report: MaintenanceReport): Promise<void> {
  await set(database, LAST_RUN, JSON.stringify(summaryOf(report)));
}

/** Undefined where none has come to its end yet. */
export async function lastRun(database: Database): Promise<MaintenanceSummary | undefined> {
  const value = await get(database, LAST_RUN);
  return value === undefined ? undefined : (JSON.parse(value) as MaintenanceSummary);
}

export async function noteSweep(database: Database): Promise<void> {
  await set(database, SWEEP, 'due');
}

export async function isSweepDue(database: Database): Promise<boolean> {
  return (await get(database, SWEEP)) !== undefined;
}

export async function clearSweep(database: Database): Promise<void> {
  await database.transaction((session) => session.query('DELETE FROM index_meta WHERE name = $1', [SWEEP]));
}

async function get(database: Database, name: string): Promise<string | undefined> {
  const { rows } = await database.transaction((session) =>
    session.query('SELECT value FROM index_meta WHERE name = $1', [name]),
  );
  return rows[0]?.value as string | undefined;
}

async function set(database: Database, name: string, value: string): Promise<void> {
  await database.transaction((session) =>
    session.query(
      'INSERT INTO index_meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
      [name, value],
    ),
  );
}
