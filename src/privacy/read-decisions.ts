/** The decisions that lie in an archive, for commands that read it: nothing is written anywhere. */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { forEachConcurrently } from '../lib/for-each-concurrently.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { type Decision, parseDecision } from './decision.ts';
import { DecisionGate } from './decision-gate.ts';
import { decisionArchive, decisionDirectory } from './decision-places.ts';
import type { PrivacyGate } from './privacy-gate.ts';

const READS_AT_A_TIME = 8;

/**
 * Also those of the data directory, which may not have reached the archive yet. Throws what the storage says: without them
 * nobody knows whom not to show.
 */
export async function readDecisions(
  { store, dataDir }: { store: ObjectStore; dataDir?: string | undefined },
  signal: AbortSignal,
): Promise<Decision[]> {
  const decisions = new Map<string, Decision>();
  const local = dataDir === undefined ? undefined : join(dataDir, 'state', 'decisions');
  const isLocal = local !== undefined && (await stat(local).catch(() => undefined))?.isDirectory() === true;
  for (const place of [...(isLocal ? [decisionDirectory(local)] : []), decisionArchive(store)]) {
    const unread = [...(await place.ids(signal))].filter((id) => !decisions.has(id));
    await forEachConcurrently(unread, READS_AT_A_TIME, async (id) => {
      const decision = parseDecision(await place.read(id, signal));
      if (decision?.id === id) decisions.set(id, decision);
    });
  }
  return [...decisions.values()];
}

/** What decisions make of it; they may have come from another thread. */
export function gateOf(decisions: readonly Decision[]): PrivacyGate {
  const gate = new DecisionGate();
  for (const decision of decisions) gate.add(decision);
  return gate;
}
