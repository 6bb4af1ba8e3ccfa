/** Privacy as a process that owns a data directory has it: what was decided, what carries it out, where wishes are taken. */
import type { DecisionLog } from './decision-log.ts';
import { Forgetter, type ForgetterOptions } from './forget/forgetter.ts';
import { openDecisions } from './open-decisions.ts';
import { PrivacyDesk } from './privacy-desk.ts';

export interface OpenPrivacyOptions extends ForgetterOptions {
  /** Milliseconds since the epoch. */
  now: () => number;
}

export interface Privacy {
  decisions: DecisionLog;
  forgetter: Forgetter;
  desk: PrivacyDesk;
}

/** Decisions of the data directory are in effect when this resolves; run or sync `decisions` for the others. */
export async function openPrivacy(options: OpenPrivacyOptions): Promise<Privacy> {
  const forgetter = new Forgetter(options);
  const decisions = await openDecisions({
    ...options,
    dataDir: options.spool.root,
    onDecision: (decision) => forgetter.add(decision),
  });
  await forgetter.resume(decisions.all());
  return { decisions, forgetter, desk: new PrivacyDesk({ ...options, decisions, forgetter }) };
}
