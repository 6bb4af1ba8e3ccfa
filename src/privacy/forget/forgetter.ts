/**
 * Carries out decisions: files of this disk, objects, exports, index, in this order. What was decided together is carried
 * out together, in one look through the archive. Every step can be done again; a decision counts as carried out when its
 * mark (`state/decisions/<id>.done`) is on the disk, so that the next start takes up what a crash broke off. Failures are
 * tried again for ever, later and later. The steps themselves (`carry-out.ts`) are loaded when there is something to do.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../../config/schema.ts';
import type { Database } from '../../index/database/database.ts';
import { errorText } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { makeDirectory } from '../../lib/make-directory.ts';
import { writeFileAtomic } from '../../lib/write-file-atomic.ts';
import type { Spool } from '../../spool.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { Decision, PersonDigests } from '../decision.ts';
import type { ForgetTask } from './carry-out.ts';
import type { SpoolKeepers } from './forget-files.ts';
import { type ForgetReport, ForgetTally } from './forget-report.ts';

export interface ForgetterOptions {
  spool: Spool;
  keepers: SpoolKeepers;
  store: ObjectStore;
  /** Undefined where there is no index: then there is nothing to be taken out of it. */
  database: Database | undefined;
  config: () => Config;
  log: Logger;
  /** How long to wait after a failure; the defaults when left out. */
  backoff?: { minMs: number; maxMs: number };
}

export interface ForgetProgress {
  state: 'waiting' | 'running' | 'done';
  phase: 'files' | 'objects' | 'exports' | 'index' | undefined;
  report: ForgetReport;
  /** What the last attempt failed with; it is tried again. */
  error: string | undefined;
}

const BACKOFF = { minMs: 5_000, maxMs: 600_000 };
const REMEMBERED_MAX = 100;
/** The index may have been emptied: then messages that were marked as deleted are marked again. */
const IDLE_MS = 30_000;

export class Forgetter {
  readonly #options: ForgetterOptions;
  readonly #tasks = new Map<string, ForgetTask>();
  readonly #needles = new Map<string, readonly string[]>();
  /** Whether any message was ever marked as deleted. */
  #marksDeleted = false;
  #wake = Promise.withResolvers<void>();

  constructor(options: ForgetterOptions) {
    this.#options = options;
  }

  /** Takes up those of all decisions that were never carried out here. */
  async resume(decisions: readonly Decision[]): Promise<void> {
    const marks = new Set(await readdir(this.#directory).catch(() => []));
    for (const decision of decisions) if (!marks.has(`${decision.id}.done`)) this.add(decision);
  }

  /** Id and names, in clear, of somebody about whom a decision is about to be made; see {@link lineJudge}. */
  hint(user: PersonDigests, needles: readonly string[]): void {
    this.#needles.set(user.hash, needles);
  }

  /** To be carried out soon. */
  add(decision: Decision): void {
    if (decision.kind === 'delete_message') this.#marksDeleted = true;
    if (decision.kind !== 'forget' && decision.kind !== 'purge_message') return;
    if (this.#tasks.has(decision.id)) return;
    const needles = decision.kind === 'forget' ? this.#needles.get(decision.user.hash) : undefined;
    const tally = new ForgetTally();
    const { report } = tally;
    const progress: ForgetProgress = { state: 'waiting', phase: undefined, report, error: undefined };
    this.#tasks.set(decision.id, { decision, needles, progress, tally });
    this.#wake.resolve();
  }

  /** Undefined where this process knows nothing of it. */
  progress(id: string): ForgetProgress | undefined {
    return this.#tasks.get(id)?.progress;
  }

  /** Until aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { log, database, backoff = BACKOFF } = this.#options;
    for (let failures = 0; !signal.aborted; ) {
      this.#wake = Promise.withResolvers<void>();
      try {
        await this.carryOutAll(signal);
        if (database && this.#marksDeleted) {
          const { applyDeletions } = await import('./mark-deleted.ts');
          await applyDeletions(database, signal);
        }
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        log.warn({ err: errorText(error) }, 'cannot carry out decisions about privacy; tried again soon');
      }
      // What failed is waited out, whatever comes meanwhile.
      if (failures > 0)
        await this.#pause(Math.min(backoff.maxMs, backoff.minMs * 2 ** (failures - 1)), signal);
      else await this.#pause(IDLE_MS, signal, this.#wake.promise);
    }
  }

  /** Rejects with what an attempt failed with. */
  async carryOutAll(signal: AbortSignal): Promise<void> {
    for (let batch = this.#nextBatch(); batch.length > 0; batch = this.#nextBatch()) {
      for (const { progress } of batch) progress.state = 'running';
      try {
        const { carryOut } = await import('./carry-out.ts');
        await carryOut(batch, this.#options, signal);
      } catch (error) {
        for (const { progress } of batch)
          Object.assign(progress, { state: 'waiting', error: errorText(error) });
        throw error;
      }
      await makeDirectory(this.#directory);
      for (const { decision, progress } of batch) {
        await writeFileAtomic(join(this.#directory, `${decision.id}.done`), '');
        Object.assign(progress, { state: 'done', phase: undefined, error: undefined });
        if (decision.kind === 'forget') this.#needles.delete(decision.user.hash);
      }
    }
    this.#forgetOld();
  }

  get #directory(): string {
    return this.#options.spool.path('state', 'decisions');
  }

  /** Those of one platform that forget people; else the next one alone. */
  #nextBatch(): ForgetTask[] {
    const waiting = [...this.#tasks.values()].filter(({ progress }) => progress.state !== 'done');
    const first = waiting[0];
    if (first?.decision.kind !== 'forget') return waiting.slice(0, 1);
    const { platform } = first.decision;
    return waiting.filter(({ decision }) => decision.kind === 'forget' && decision.platform === platform);
  }

  #forgetOld(): void {
    const done = [...this.#tasks].filter(([, { progress }]) => progress.state === 'done');
    for (const [id] of done.slice(0, -REMEMBERED_MAX)) this.#tasks.delete(id);
  }

  async #pause(ms: number, signal: AbortSignal, woken?: Promise<void>): Promise<void> {
    const pause = new AbortController();
    const either = AbortSignal.any([signal, pause.signal]);
    const slept = sleep(ms, undefined, { signal: either }).catch(() => {});
    await Promise.race(woken === undefined ? [slept] : [slept, woken]);
    pause.abort();
  }
}
