/** What every step of a pipeline works with. */
import type { PipelineStep } from '../../../config/schema.ts';
import type { PrivacyGate } from '../../../privacy/privacy-gate.ts';
import type { ObjectStore } from '../../../storage/object-store.ts';
import type { Database } from '../../database/database.ts';

export interface StepTools {
  database: Database;
  store: ObjectStore;
  privacy: PrivacyGate;
  fetch: typeof fetch;
  /** An existing directory of this process's own, for files that are on their way. */
  scratch: string;
  /** Written into objects' metadata. */
  instance: string;
}

/** One UTC day of a channel, which a step works on. */
interface DayCall {
  pipeline: string;
  channelId: number;
  platform: string;
  channel: string;
  /** Start of the day, ms since the epoch; it ends 24 hours later. */
  dayMs: number;
  /** The same at every attempt of this step over this day, and no other's. */
  key: string;
  tools: StepTools;
  signal: AbortSignal;
}

/** One step over one day. */
export type StepCall<Kind extends PipelineStep['step'] = PipelineStep['step']> = DayCall & {
  step: Extract<PipelineStep, { step: Kind }>;
};
