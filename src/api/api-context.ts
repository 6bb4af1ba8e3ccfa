/** What the routes of the API work with. Everything is handed in; no route reaches past it. */
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Config } from '../config/schema.ts';
import type { Database } from '../index/database/database.ts';
import type { IndexJobs } from '../index/index-job.ts';
import type { MaintenanceControl } from '../index/retention/retention-role.ts';
import type { Logger } from '../lib/logger.ts';
import type { PrivacyDesk } from '../privacy/privacy-desk.ts';
import type { PrivacyGate } from '../privacy/privacy-gate.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { LiveSource } from './live/live-events.ts';

/** Fastify whose schemas are zod's: what a route declares is checked, typed and in the OpenAPI document. */
export type ApiApp = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** What a token allows: each includes those before it. */
export type Scope = 'read' | 'export' | 'admin';

export interface ApiContext {
  readonly database: Database;
  readonly store: ObjectStore;
  readonly privacy: PrivacyGate;
  readonly log: Logger;
  /** As it is in effect now. */
  config(): Config;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Undefined where this process does not record (the api role alone). */
  readonly recorder: RecorderControl | undefined;
  /** Undefined where this process does not index. */
  readonly index?: IndexControl | undefined;
  /** Undefined where this process does not maintain the index. */
  readonly maintenance?: MaintenanceControl | undefined;
  /** Undefined where this process does not record: wishes about privacy are taken where they can be carried out. */
  readonly privacyDesk?: PrivacyDesk | undefined;
  /** Undefined where this process does not record. */
  readonly live?: LiveSource | undefined;
  /** What the commands on this machine are let in with, as admin (`state/run.json`). */
  readonly localToken?: string;
}

/** What the API may ask of the indexer beside it; see `IndexJobs`. */
export type IndexControl = Pick<IndexJobs, 'start' | 'last'>;

/** What the API may ask of the recorder beside it. */
export interface RecorderControl {
  /** Of each configured channel: `joined`, `queued`, ...; see `ChannelState`. */
  channelStates(): { platform: string; channel: string; state: string; reason?: string }[];
  /** Edits the configuration file; the recorder follows within seconds. Throws `ChatlogError` with a reason for people. */
  addChannel(platform: string, name: string): Promise<void>;
  removeChannel(platform: string, name: string): Promise<void>;
  setChannel(platform: string, name: string, settings: Record<string, string>): Promise<void>;
  /** Leaves the channel and joins it again. */
  rejoin(platform: string, name: string): Promise<void>;
}
