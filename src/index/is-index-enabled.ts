import { totalmem } from 'node:os';
import type { Config } from '../config/schema.ts';

/** What a machine that is sold as one of 1 GB tells of itself, at least. */
const EMBEDDED_MEMORY_MIN = 900 * 1024 * 1024;

/** Whether this configuration wants an index on this machine. */
export function isIndexEnabled(
  { index, database_url }: Pick<Config, 'index' | 'database_url'>,
  memoryBytes = machineMemory(),
): boolean {
  if (index.enabled !== 'auto') return index.enabled;
  return database_url !== undefined || memoryBytes >= EMBEDDED_MEMORY_MIN;
}

/** What this process may use: the machine's memory, or the container's where that is less. */
function machineMemory(): number {
  const limit = process.constrainedMemory() ?? 0;
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
