/** The decisions of a process: from its data directory, the archive, and the index where it has one. */
import { join } from 'node:path';
import type { Database } from '../index/database/database.ts';
import type { Logger } from '../lib/logger.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { Decision } from './decision.ts';
import { DecisionLog } from './decision-log.ts';
import { decisionArchive, decisionDirectory, decisionTable } from './decision-places.ts';

export interface OpenDecisionsOptions {
  dataDir: string;
  store: ObjectStore;
  /** Undefined where there is no index. */
  database: Database | undefined;
  log: Logger;
  now: () => number;
  onDecision?: (decision: Decision) => void;
}

/** Those of the data directory are in effect when this resolves; run or sync it for the others. */
export async function openDecisions(options: OpenDecisionsOptions): Promise<DecisionLog> {
  const { dataDir, store, database, ...rest } = options;
  const decisions = new DecisionLog({
    ...rest,
    places: [
      decisionDirectory(join(dataDir, 'state', 'decisions')),
      decisionArchive(store),
      ...(database ? [decisionTable(database)] : []),
    ],
  });
  await decisions.load();
  return decisions;
}
