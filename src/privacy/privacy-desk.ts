/**
 * Where people's wishes are taken: from the API, from commands, from the chat. Makes decisions and sees them carried out.
 * What few processes ever do is loaded when it is done.
 */
import { randomUUID } from 'node:crypto';
import type { Config } from '../config/schema.ts';
import type { ChatEvent } from '../event.ts';
import type { Database } from '../index/database/database.ts';
import { databaseText, plainText } from '../index/database-text.ts';
import { isUuid, messageKey } from '../index/message-key.ts';
import { ChatlogError, errorText } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Spool } from '../spool.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { type Decision, personDigests } from './decision.ts';
import type { DecisionLog } from './decision-log.ts';
import type { FoundPerson } from './forget/find-person.ts';
import type { ForgetReport } from './forget/forget-report.ts';
import type { ForgetProgress, Forgetter } from './forget/forgetter.ts';
import { OptoutCodes, optoutCodeIn } from './optout-codes.ts';
import { userKeyOf } from './privacy-gate.ts';

export interface PrivacyDeskOptions {
  decisions: DecisionLog;
  forgetter: Forgetter;
  store: ObjectStore;
  spool: Spool;
  /** Undefined where there is no index. */
  database: Database | undefined;
  config: () => Config;
  log: Logger;
  now: () => number;
}

/** Who or what opts out: a user by id (`id:7`) or name, or a channel. */
export type OptoutSubject = { platform: string; user: string } | { platform: string; channel: string };

export interface Optout {
  platform: string;
  /** Of a channel its name; of a user their digest, which is all that is kept of them. */
  channel?: string;
  hash?: string;
  /** RFC 3339. */
  since: string;
  by: string;
}

export interface ForgetRequest {
  platform: string;
  /** Id or name; see `find-person.ts`. */
  user: string;
  dryRun: boolean;
  /** Nor recorded from now on. */
  optOut: boolean;
}

export interface ForgetJob {
  id: string;
  state: 'searching' | ForgetProgress['state'] | 'failed';
  phase: ForgetProgress['phase'];
  dryRun: boolean;
  person: FoundPerson | undefined;
  report: ForgetReport | undefined;
  /** Of `failed` the end; of the others what is tried again. */
  error: { code: string; message: string; hint?: string } | undefined;
}

interface RunningJob {
  job: ForgetJob;
  decisionId: string | undefined;
}

const JOBS_MAX = 50;

export class PrivacyDesk {
  readonly #options: PrivacyDeskOptions;
  readonly #codes: OptoutCodes;
  readonly #jobs = new Map<string, RunningJob>();
  /** Searches go one after the other: each looks through everything. */
  #searching: Promise<unknown> = Promise.resolve();

  constructor(options: PrivacyDeskOptions) {
    this.#options = options;
    this.#codes = new OptoutCodes(options);
  }

  /** Throws `optout_busy` while too many codes wait to be said. */
  issueCode(): string {
    const code = this.#codes.issue();
    if (code !== undefined) return code;
    throw new ChatlogError('optout_busy', 'too many codes wait to be said', {
      retryable: true,
      hint: 'Each lives for a minute: ask again in one.',
    });
  }

  /** A live message that begins with `!`. */
  onCommand(event: ChatEvent): void {
    const { config, log, decisions } = this.#options;
    const code = optoutCodeIn(event.message, config().http.optout_name);
    if (code === undefined || !this.#codes.redeem(code)) return;
    const { platform, user_id: id, username, display_name: shown } = event;
    const names = [username, ...(shown === undefined ? [] : [shown])];
    const user = personDigests(platform, userKeyOf(id, username), names);
    void decisions.make({ kind: 'opt_out', platform, user, by: 'self' }).then(
      () => log.info({ platform }, 'somebody opted out by saying a code'),
      (error: unknown) =>
        log.error({ platform, err: errorText(error) }, 'cannot keep an opt-out; it is lost'),
    );
  }

  /** Throws `person_unknown`, `person_ambiguous`. */
  async setOptout(
    subject: OptoutSubject,
    isOut: boolean,
    by: string,
    signal: AbortSignal,
  ): Promise<Decision> {
    const { decisions } = this.#options;
    const { platform } = subject;
    if ('channel' in subject) {
      const kind = isOut ? 'channel_opt_out' : 'channel_opt_in';
      return decisions.make({ kind, platform, channel: subject.channel, by });
    }
    const person = await this.#personOf(platform, subject.user, signal);
    const user = personDigests(platform, person.userKey, person.names);
    return decisions.make({ kind: isOut ? 'opt_out' : 'opt_in', platform, user, by });
  }

  /** Everybody and everything that is opted out now. */
  optouts(): Optout[] {
    const standing = new Map<string, Optout | undefined>();
    for (const decision of this.#options.decisions.all()) {
      const { kind, platform, timestamp: since, by } = decision;
      if (kind === 'opt_out' || kind === 'opt_in') {
        const { hash } = decision.user;
        standing.set(`user ${hash}`, kind === 'opt_out' ? { platform, hash, since, by } : undefined);
      } else if (kind === 'channel_opt_out' || kind === 'channel_opt_in') {
        const { channel } = decision;
        const optout = kind === 'channel_opt_out' ? { platform, channel, since, by } : undefined;
        standing.set(`channel ${platform} ${channel}`, optout);
      }
    }
    return [...standing.values()].filter((optout) => optout !== undefined);
  }

  /** Begins it; {@link job} tells how far it is. Throws `forget_busy` while too many wait. */
  forget(request: ForgetRequest, by: string, signal: AbortSignal): ForgetJob {
    const job: ForgetJob = {
      ...{ id: randomUUID(), state: 'searching', phase: undefined, dryRun: request.dryRun },
      ...{ person: undefined, report: undefined, error: undefined },
    };
    const running: RunningJob = { job, decisionId: undefined };
    this.#dropEnded();
    if (this.#jobs.size >= JOBS_MAX)
      throw new ChatlogError('forget_busy', 'too many people are being forgotten', { retryable: true });
    this.#jobs.set(job.id, running);
    const searched = this.#searching.then(() => this.#forget(request, running, by, signal));
    this.#searching = searched.catch((error: unknown) => {
      job.state = 'failed';
      const { code = 'failed', hint } = error instanceof ChatlogError ? error : {};
      job.error = { code, message: errorText(error), ...(hint !== undefined && { hint }) };
    });
    return job;
  }

  /** The oldest of those that have ended, where there are many. */
  #dropEnded(): void {
    for (const id of [...this.#jobs.keys()]) {
      if (this.#jobs.size < JOBS_MAX) return;
      const state = this.job(id)?.state;
      if (state === 'done' || state === 'failed') this.#jobs.delete(id);
    }
  }

  job(id: string): ForgetJob | undefined {
    const running = this.#jobs.get(id);
    if (!running) return undefined;
    const { job, decisionId } = running;
    const progress = decisionId === undefined ? undefined : this.#options.forgetter.progress(decisionId);
    if (!progress) return job;
    const { state, phase, report, error } = progress;
    return {
      ...job,
      state,
      phase,
      report,
      error: error === undefined ? undefined : { code: 'retrying', message: error },
    };
  }

  /**
   * Soft: marked as deleted, by whom and when. Hard: gone from index, files and objects, for good. `id` is the message's key
   * in the index or the platform's id. Throws `message_unknown` where the index does not have it.
   */
  async deleteMessage(
    { platform, id, isHard }: { platform: string; id: string; isHard: boolean },
    by: string,
    signal: AbortSignal,
  ): Promise<Decision> {
    const { decisions, forgetter, database } = this.#options;
    if (!database) throw new ChatlogError('database_unavailable', 'there is no index to find the message in');
    const found = await findMessage(
      database,
      isUuid(id) ? undefined : platform,
      messageKey(platform, id),
      signal,
    );
    const draft = { platform: found.platform, by, message: found.message };
    const decision = await decisions.make({ kind: isHard ? 'purge_message' : 'delete_message', ...draft });
    if (isHard) forgetter.add(decision);
    else {
      await decisions.sync(signal);
      const { applyDeletions } = await import('./forget/mark-deleted.ts');
      await applyDeletions(database, signal);
    }
    return decision;
  }

  async #forget(
    { platform, user: who, dryRun, optOut }: ForgetRequest,
    running: RunningJob,
    by: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { decisions, forgetter } = this.#options;
    const { job } = running;
    const { findPerson } = await import('./forget/find-person.ts');
    const person = await findPerson(platform, who, { ...this.#options, signal });
    job.person = person;
    const user = personDigests(platform, person.userKey, person.names);
    const needles = [person.userKey.replace(/^~/, ''), ...person.names];
    if (dryRun) {
      job.state = 'running';
      const { surveyForgetting } = await import('./forget/survey-forgetting.ts');
      job.report = await surveyForgetting({ ...this.#options, platform, user, needles, signal });
      job.state = 'done';
      return;
    }
    forgetter.hint(user, needles);
    // First of all, so that nothing of them comes in while they are being forgotten.
    if (optOut) await decisions.make({ kind: 'opt_out', platform, user, by });
    const decision = await decisions.make({ kind: 'forget', platform, user, by });
    forgetter.add(decision);
    running.decisionId = decision.id;
  }

  /** By id without looking; a name where the index knows it, else by looking through everything. */
  async #personOf(platform: string, who: string, signal: AbortSignal): Promise<FoundPerson> {
    const { findPerson } = await import('./forget/find-person.ts');
    const { store, spool, database } = this.#options;
    const inIndex = database && { store: undefined, spool: undefined, database, signal };
    if (who.startsWith('id:')) {
      const unknown = { platform, userKey: who.slice('id:'.length), names: [] };
      return inIndex ? findPerson(platform, who, inIndex).catch(() => unknown) : unknown;
    }
    if (inIndex) {
      try {
        return await findPerson(platform, who, inIndex);
      } catch (error) {
        if (error instanceof ChatlogError && error.code === 'person_ambiguous') throw error;
      }
    }
    return findPerson(platform, who, { store, spool, database: undefined, signal });
  }
}

async function findMessage(
  database: Database,
  platform: string | undefined,
  key: string,
  signal: AbortSignal,
): Promise<{ platform: string; message: { key: string; channel: string; at: string } }> {
  const { rows } = await database.read(
    (session) =>
      session.query(
        `SELECT c.platform, c.name, m.ts FROM messages m JOIN channels c ON c.id = m.channel_id
         WHERE m.key = $1::uuid AND ($2::text IS NULL OR c.platform = $2) ORDER BY m.ts LIMIT 1`,
        [key, platform === undefined ? null : databaseText(platform)],
      ),
    { signal },
  );
  const row = rows[0];
  if (!row) throw new ChatlogError('message_unknown', 'the index has no such message');
  const message = { key, channel: plainText(row.name as string), at: (row.ts as Date).toISOString() };
  return { platform: plainText(row.platform as string), message };
}
