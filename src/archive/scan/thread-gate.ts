import { workerData } from 'node:worker_threads';
import { OPEN_GATE, type PrivacyGate } from '../../privacy/privacy-gate.ts';
import type { ThreadData } from './worker-pool.ts';

let gate: Promise<PrivacyGate> | undefined;

/** What people asked for, as this thread was told when it began. What makes it a gate is loaded where anybody did. */
export function threadGate(): Promise<PrivacyGate> {
  gate ??= makeGate(workerData as ThreadData);
  return gate;
}

async function makeGate({ decisions }: ThreadData): Promise<PrivacyGate> {
  if (decisions.length === 0) return OPEN_GATE;
  const { gateOf } = await import('../../privacy/read-decisions.ts');
  return gateOf(decisions);
}
