/** What forgetting a person would change; nothing is touched. */
import type { Database } from '../../index/database/database.ts';
import type { Spool } from '../../spool.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { makeDecision, type PersonDigests } from '../decision.ts';
import { surveyFiles } from './forget-files.ts';
import { surveyObjects } from './forget-objects.ts';
import { surveyPersonRows } from './forget-person-rows.ts';
import { type ForgetReport, ForgetTally } from './forget-report.ts';
import { lineJudge } from './line-judge.ts';

export interface SurveyOptions {
  spool: Spool;
  store: ObjectStore;
  database: Database | undefined;
  platform: string;
  user: PersonDigests;
  needles: readonly string[];
  now: () => number;
  signal: AbortSignal;
}

export async function surveyForgetting(options: SurveyOptions): Promise<ForgetReport> {
  const { spool, store, database, platform, user, needles, now, signal } = options;
  const tally = new ForgetTally();
  const draft = { kind: 'forget', platform, user, by: 'dry run' } as const;
  const judge = lineJudge(makeDecision(draft, now()) as Parameters<typeof lineJudge>[0], needles);
  await surveyFiles({ spool, judge, signal, onFile: (name, lines) => tally.addFile(name, lines) });
  await surveyObjects({ store, judge, signal, onObject: (object) => tally.addObject(object) });
  if (database) tally.report.rows = (await surveyPersonRows(database, platform, user)).messages;
  return tally.report;
}
