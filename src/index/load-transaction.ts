/** One loading transaction: from what was read of chunks to rows, everything derived from them, and the ledger. */
import { ChatlogError } from '../lib/errors.ts';
import type { PrivacyGate } from '../privacy/privacy-gate.ts';
import type { Session } from './database/database.ts';
import { applyChanges } from './derive/changes.ts';
import { insertGaps } from './derive/gaps.ts';
import { identifyChannels, nameUsers } from './derive/latest-names.ts';
import { mentionsOf } from './derive/mentions.ts';
import { insertModActions, modActionsOf, targetUserKey } from './derive/mod-actions.ts';
import { nameDeleted, removeEarlier, removeKnown } from './derive/removals.ts';
import { SessionRuns } from './derive/session-runs.ts';
import { RowCounts } from './derive/statistics.ts';
import { isEarlierCopy, preferEarlierCopies } from './earlier-copies.ts';
import type { IndexIds } from './index-ids.ts';
import { takeLoadLock } from './load-lock.ts';
import { copyRows, type LoadedRow, separateKnown } from './loaded-rows.ts';
import type { LoadOutcome, ReadChunk } from './loader.ts';
import type { IndexedLine } from './message-row.ts';
import { listPartitions, type Month, monthOf } from './partitions.ts';
import { isWithheld } from './read-chunk.ts';
import { latestHeededFloor } from './retention/due-ranges.ts';
import { ledgerBytes, ledgerKey, moveLedger } from './segment-ledger.ts';

/**
 * What is looked up are the rows of one batch among all there are, always by an index. The planner does not know that
 * only one partition is looked into for each, and would now and then rather read whole tables.
 */
const FEW_ROWS_OF_MANY =
  'SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off';

/**
 * Nobody waits for the disk: a server that dies loses the last transactions whole, rows and ledger together, and they are
 * loaded again from their files.
 */
const UNSYNCED = 'SET LOCAL synchronous_commit = off';

export interface LoadSettings {
  /** How far back moderation takes messages away. */
  windowMs: number;
  /** The pause that ends a session. */
  idleMs: number;
  privacy: PrivacyGate;
  /** Milliseconds since the epoch. */
  nowMs: number;
  /** An earlier attempt met a conflict: rows may be there as another channel's. */
  isRepeated: boolean;
}

export class LoadTransaction {
  readonly #session: Session;
  readonly #ids: IndexIds;
  readonly #months: Set<Month>;
  readonly #windowMs: number;
  readonly #idleMs: number;
  readonly #privacy: PrivacyGate;
  readonly #nowMs: number;
  readonly #everywhere: boolean;

  /** `months` are those whose partitions exist, as far as is known. */
  constructor(
    session: Session,
    ids: IndexIds,
    months: Set<Month>,
    { windowMs, idleMs, privacy, nowMs, isRepeated }: LoadSettings,
  ) {
    this.#session = session;
    this.#ids = ids;
    this.#months = months;
    this.#windowMs = windowMs;
    this.#idleMs = idleMs;
    this.#privacy = privacy;
    this.#nowMs = nowMs;
    this.#everywhere = isRepeated;
  }

  async run(read: readonly ReadChunk[]): Promise<{ outcome: LoadOutcome; taken: ReadChunk[] }> {
    await this.#begin();
    const { taken, stale } = await this.#take(read);
    const insertedOf = await this.#loadLines(taken);
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
    await takeLoadLock(this.#session);
    await this.#session.exec(`${FEW_ROWS_OF_MANY}; ${UNSYNCED}`);
    // After the lock: what others removed shows only then.
    // A server that was started again, or another one, may have lost what was acknowledged.
    const { rows } = await this.#session.query(
      `SELECT value || ' ' || extract(epoch FROM pg_postmaster_start_time()) AS epoch FROM index_meta WHERE name = 'epoch'`,
    );
    const isKnown = this.#ids.begin(String(rows[0]?.epoch));
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
  async #loadLines(taken: readonly ReadChunk[]): Promise<Map<ReadChunk, number>> {
    const inserted = new Map<ReadChunk, number>();
    const all = taken.flatMap(({ content }) => [...content.rows, ...content.gaps]);
    if (all.length === 0) return inserted;
    await this.#ids.learnChannels(this.#session, all);
    const isAbove = await this.#aboveFloors();
    // Asked when they were read, too; whoever was forgotten since then has no rows any more and gets none now.
    const isKept = (line: IndexedLine) => isAbove(line) && !isWithheld(line, this.#privacy);
    const gaps = taken.flatMap(({ content }) => content.gaps.filter(isKept));
    await insertGaps(this.#session, gaps, this.#ids);
    const owners = uniqueLines(taken, isKept);
    if (owners.size === 0) return inserted;
    for (const { line } of await this.#insert([...owners.keys()])) {
      const owner = owners.get(line)!;
      inserted.set(owner, (inserted.get(owner) ?? 0) + 1);
    }
    return inserted;
  }

  /** What retention took does not come back. */
  async #aboveFloors(): Promise<(line: IndexedLine) => boolean> {
    const { rows } = await this.#session.query(
      'SELECT channel_id, floor_ts FROM retention_floors WHERE floor_ts <= $1',
      [latestHeededFloor(this.#nowMs)],
    );
    if (rows.length === 0) return () => true;
    const floors = new Map(rows.map((row) => [row.channel_id, (row.floor_ts as Date).getTime()]));
    return ({ platform, channel, timeMs }) =>
      timeMs >= (floors.get(this.#ids.channelId(platform, channel)) ?? Number.NEGATIVE_INFINITY);
  }

  /** The rows that are new. */
  async #insert(lines: readonly IndexedLine[]): Promise<LoadedRow[]> {
    const session = this.#session;
    this.#requirePartitions(lines);
    const { fresh, known } = await separateKnown(session, await this.#identify(lines), this.#everywhere);
    await preferEarlierCopies(session, known);
    if (fresh.length === 0) return fresh;
    const actions = modActionsOf(fresh, this.#ids);
    const mentions = await mentionsOf(session, fresh);
    await removeEarlier(session, fresh, actions, mentions, this.#windowMs);
    const counts = new RowCounts();
    const sessions = new SessionRuns(this.#idleMs);
    await copyRows(session, fresh, (row) => {
      counts.add(row);
      sessions.add(row);
    });
    await insertModActions(session, actions);
    await removeKnown(session, actions, this.#windowMs);
    await nameDeleted(session, [
      ...mentions.deletions.keys(),
      ...actions.flatMap(({ targetKey }) => targetKey ?? []),
    ]);
    await applyChanges(session, fresh, mentions);
    await counts.save(session);
    await nameUsers(session, fresh);
    await identifyChannels(session, fresh);
    await sessions.save(session);
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
    const targets = lines.flatMap((line) => {
      const userKey = targetUserKey(line);
      return userKey === undefined ? [] : [{ platform: line.platform, userKey }];
    });
    await this.#ids.learnUsers(this.#session, targets);
    const ids = await this.#ids.identify(this.#session, lines);
    const rows = lines.map((line, index) => ({ ...ids[index]!, line, removed: undefined }));
    // Indexes that begin or end with the time grow at one place, and stay half as large.
    return rows.sort((a, b) => a.line.timeMs - b.line.timeMs);
  }
}

/** Each line once, with the chunk that it came in: of several copies the earlier one. */
function uniqueLines(
  taken: readonly ReadChunk[],
  isKept: (line: IndexedLine) => boolean,
): Map<IndexedLine, ReadChunk> {
  const byIdentity = new Map<string, IndexedLine>();
  const owners = new Map<IndexedLine, ReadChunk>();
  for (const one of taken) {
    for (const line of one.content.rows.filter(isKept)) {
      // One id has one time; where it has several, they are told apart.
      const isOther = (byIdentity.get(line.key)?.timeMs ?? line.timeMs) !== line.timeMs;
      const identity = isOther ? `${line.key} ${line.timeMs}` : line.key;
      const other = byIdentity.get(identity);
      if (other && !isEarlierCopy(line, other)) continue;
      if (other) owners.delete(other);
      byIdentity.set(identity, line);
      owners.set(line, one);
    }
  }
  return owners;
}
