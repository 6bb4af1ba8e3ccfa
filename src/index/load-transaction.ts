/** One loading transaction: from what was read of chunks to rows, everything derived from them, and the ledger. */
import { ChatlogError } from '../lib/errors.ts';
import type { Session } from './database/database.ts';
import { applyChanges } from './derive/changes.ts';
import { insertGaps } from './derive/gaps.ts';
import { identifyChannels, nameUsers } from './derive/latest-names.ts';
import { insertModActions, modActionsOf, targetUserKey } from './derive/mod-actions.ts';
import { nameDeleted, removeEarlier, removeKnown, removeStaged } from './derive/removals.ts';
import { noteStaleSessions } from './derive/sessions.ts';
import { countRows } from './derive/statistics.ts';
import type { IndexIds } from './index-ids.ts';
import { LOAD_LOCK } from './load-lock.ts';
import type { LoadOutcome, ReadChunk } from './loader.ts';
import type { IndexedLine } from './message-row.ts';
import { listPartitions, type Month, monthOf } from './partitions.ts';
import { ledgerBytes, ledgerKey, moveLedger } from './segment-ledger.ts';
import { insertStagedRows, type LoadedRow, stageRows } from './staged-rows.ts';

export class LoadTransaction {
  readonly #session: Session;
  readonly #ids: IndexIds;
  readonly #months: Set<Month>;
  readonly #windowMs: number;

  /** `months` are those whose partitions exist, as far as is known. */
  constructor(session: Session, ids: IndexIds, months: Set<Month>, windowMs: number) {
    this.#session = session;
    this.#ids = ids;
    this.#months = months;
    this.#windowMs = windowMs;
  }

  async run(read: readonly ReadChunk[]): Promise<{ outcome: LoadOutcome; taken: ReadChunk[] }> {
    await this.#begin();
    const { taken, stale } = await this.#take(read);
    const insertedOf = await this.#loadRows(taken);
    await insertGaps(
      this.#session,
      taken.flatMap(({ content }) => content.gaps),
      this.#ids,
    );
    await moveLedger(
      this.#session,
      taken.map((one) => ({ ...one, inserted: insertedOf.get(one) ?? 0 })),
    );
    const sum = (of: (one: ReadChunk) => number) => taken.reduce((total, one) => total + of(one), 0);
    const outcome = {
      inserted: sum((one) => insertedOf.get(one) ?? 0),
      lines: sum(({ chunk }) => chunk.lines.length),
      rejected: sum(({ content }) => content.rejected),
      stale,
    };
    return { outcome, taken };
  }

  async #begin(): Promise<void> {
    await this.#session.query('SELECT pg_advisory_xact_lock($1)', [LOAD_LOCK]);
    // After the lock: what others removed shows only then.
    const { rows } = await this.#session.query("SELECT value FROM index_meta WHERE name = 'epoch'");
    const isKnown = this.#ids.begin(String(rows[0]?.value));
    if (isKnown) return;
    this.#months.clear();
    for (const { month } of await listPartitions(this.#session)) this.#months.add(month);
  }

  /** The chunks that continue what the ledger has. */
  async #take(read: readonly ReadChunk[]) {
    const standing = await ledgerBytes(
      this.#session,
      read.map(({ chunk }) => chunk),
    );
    const taken: ReadChunk[] = [];
    const stale: LoadOutcome['stale'] = [];
    for (const one of read) {
      const { source, name, fromByte, toByte } = one.chunk;
      const key = ledgerKey(source, name);
      const bytes = standing.get(key) ?? 0;
      if (bytes !== fromByte) {
        stale.push({ source, name, bytes });
        continue;
      }
      standing.set(key, toByte);
      taken.push(one);
    }
    return { taken, stale };
  }

  /** How many rows of each chunk were new. */
  async #loadRows(taken: readonly ReadChunk[]): Promise<Map<ReadChunk, number>> {
    const inserted = new Map<ReadChunk, number>();
    const owners = new Map<IndexedLine, ReadChunk>();
    const lines = await this.#linesOf(taken, owners);
    if (lines.length === 0) return inserted;
    for (const { line } of await this.#insert(lines)) {
      const owner = owners.get(line)!;
      inserted.set(owner, (inserted.get(owner) ?? 0) + 1);
    }
    return inserted;
  }

  /** Lines that the retention floors leave, each once, with their channels known. */
  async #linesOf(taken: readonly ReadChunk[], owners: Map<IndexedLine, ReadChunk>): Promise<IndexedLine[]> {
    await this.#ids.learnChannels(
      this.#session,
      taken.flatMap(({ content }) => [...content.rows, ...content.gaps]),
    );
    const { rows } = await this.#session.query('SELECT channel_id, floor_ts FROM retention_floors');
    const floors = new Map(rows.map((row) => [row.channel_id, (row.floor_ts as Date).getTime()]));
    const isKept = ({ platform, channel, timeMs }: IndexedLine) =>
      timeMs >= (floors.get(this.#ids.channelId(platform, channel)) ?? Number.NEGATIVE_INFINITY);
    const lines = new Map<string, IndexedLine>();
    for (const one of taken) {
      one.content.gaps = one.content.gaps.filter(isKept);
      for (const line of one.content.rows) {
        const identity = `${line.key} ${line.timeMs}`;
        if (lines.has(identity) || !isKept(line)) continue;
        lines.set(identity, line);
        owners.set(line, one);
      }
    }
    return [...lines.values()];
  }

  /** The rows that are new. */
  async #insert(lines: readonly IndexedLine[]): Promise<LoadedRow[]> {
    const session = this.#session;
    this.#requirePartitions(lines);
    const rows = await this.#identify(lines);
    const actions = modActionsOf(rows, this.#ids);
    await removeEarlier(session, rows, actions, this.#windowMs);
    await stageRows(session, rows);
    const deleted = await removeStaged(session);
    const fresh = await insertStagedRows(session, rows);
    if (fresh.length === 0) return fresh;
    const freshActions = modActionsOf(fresh, this.#ids);
    await insertModActions(session, freshActions);
    await removeKnown(session, freshActions, this.#windowMs);
    await nameDeleted(session, [...deleted, ...freshActions.flatMap(({ targetKey }) => targetKey ?? [])]);
    await applyChanges(session, fresh);
    await countRows(session, fresh);
    await nameUsers(session, fresh);
    await identifyChannels(session, fresh);
    await noteStaleSessions(session, fresh);
    return fresh;
  }

  #requirePartitions(lines: readonly IndexedLine[]): void {
    const missing = lines.find(({ timeMs }) => !this.#months.has(monthOf(timeMs)));
    if (!missing) return;
    throw new ChatlogError(
      'database_conflict',
      `the partition of ${monthOf(missing.timeMs)} was dropped just now`,
      { retryable: true },
    );
  }

  async #identify(lines: readonly IndexedLine[]): Promise<LoadedRow[]> {
    const users: { platform: string; userKey: string }[] = [];
    for (const line of lines) {
      const { platform, userKey } = line;
      if (userKey !== undefined) users.push({ platform, userKey });
      const target = targetUserKey(line);
      if (target !== undefined) users.push({ platform, userKey: target });
    }
    await this.#ids.learnUsers(this.#session, users);
    await this.#ids.learnNames(this.#session, lines);
    return lines.map((line) => ({ line, ...this.#ids.idsOf(line), removed: undefined }));
  }
}
