import { workerData } from 'node:worker_threads';
import { OPEN_GATE, type PrivacyGate } from '../../privacy/privacy-gate.ts';
import { gateOf } from '../../privacy/read-decisions.ts';
import type { ThreadData } from './worker-pool.ts';

let gate: PrivacyGate | undefined;

/** What people asked for, as this thread was told when it began. */
export function threadGate(): PrivacyGate {
  const { decisions } = workerData as ThreadData;
  gate ??= decisions.length === 0 ? OPEN_GATE : gateOf(decisions);
  return gate;
}
