/**
 * The ids that rows have for channels, users, names and templates. What is not known is looked up, and made where it is
 * missing, in one statement for each table. Only within a loading transaction (`load-lock.ts`): nobody else makes any.
 */
import { hash } from 'node:crypto';
import type { Session } from './database/database.ts';
import { IdCache } from './id-cache.ts';
import { uuidOfHex } from './message-key.ts';
import type { IndexedLine } from './message-row.ts';

/** Whose ids a line's row has. */
export interface RowIds {
  channelId: number;
  userId: number | undefined;
  nameId: number | undefined;
  templateId: number | undefined;
}

/** What of a line its ids go by. */
type Named = Pick<IndexedLine, 'platform' | 'channel' | 'userKey' | 'login' | 'displayName' | 'template'>;

const CHANNELS_MAX = 20_000;
const USERS_MAX = 50_000;
const TEMPLATES_MAX = 5_000;

export class IndexIds {
  readonly #channels = new IdCache(CHANNELS_MAX);
  readonly #users = new IdCache(USERS_MAX);
  readonly #names = new IdCache(USERS_MAX);
  readonly #templates = new IdCache(TEMPLATES_MAX);
  readonly #all = [this.#channels, this.#users, this.#names, this.#templates];
  #epoch: string | undefined;

  /** Forgets everything where ids were removed since it was learnt; whether it did not. */
  begin(epoch: string): boolean {
    if (epoch === this.#epoch) return true;
    for (const cache of this.#all) cache.clear();
    this.#epoch = epoch;
    return false;
  }

  commit(): void {
    for (const cache of this.#all) cache.commit();
  }

  rollback(): void {
    for (const cache of this.#all) cache.rollback();
  }

  /** Afterwards {@link channelId} knows them. */
  async learnChannels(session: Session, lines: readonly Named[]): Promise<void> {
    // Most lines are of the channel of the line before.
    const first = lines.filter((line, index) => !isSameChannel(line, lines[index - 1]));
    const names = first.map(({ platform, channel }) => pair(platform, channel));
    await resolve(session, this.#channels, CHANNELS, names, (index) => {
      const { platform, channel } = first[index]!;
      return [platform, channel];
    });
  }

  channelId(platform: string, channel: string): number {
    return this.#channels.get(pair(platform, channel))!;
  }

  /** Afterwards {@link userId} knows them. */
  async learnUsers(session: Session, users: readonly Pick<Named, 'platform' | 'userKey'>[]): Promise<void> {
    await this.#userIds(session, users);
  }

  userId(platform: string, userKey: string): number {
    return this.#users.get(pair(platform, userKey))!;
  }

  /** The ids of each of these lines, whose channels are known. */
  async identify(session: Session, lines: readonly Named[]): Promise<RowIds[]> {
    const userIds = await this.#userIds(session, lines);
    const names = lines.map(({ login, displayName }, index) =>
      login === undefined ? undefined : `${userIds[index]}\0${login}\0${displayName}`,
    );
    const nameIds = await resolve(session, this.#names, NAMES, names, (index) => {
      const { login, displayName } = lines[index]!;
      return [userIds[index]!, login!, displayName];
    });
    const templates = lines.map(({ template }) => template);
    const templateIds = await resolve(session, this.#templates, TEMPLATES, templates, (index) => [
      templateHash(templates[index]!),
      templates[index]!,
    ]);
    let channelId = 0;
    return lines.map((line, index) => {
      if (!isSameChannel(line, lines[index - 1])) channelId = this.channelId(line.platform, line.channel);
      return { channelId, userId: userIds[index], nameId: nameIds[index], templateId: templateIds[index] };
    });
  }

  #userIds(session: Session, users: readonly Pick<Named, 'platform' | 'userKey'>[]) {
    const names = users.map(({ platform, userKey }) => userKey && pair(platform, userKey));
    return resolve(session, this.#users, USERS, names, (index) => {
      const { platform, userKey } = users[index]!;
      return [platform, userKey!];
    });
  }
}

function isSameChannel(line: Named, other: Named | undefined): boolean {
  return line.channel === other?.channel && line.platform === other.platform;
}

function pair(platform: string, name: string): string {
  return `${platform}\0${name}`;
}

/** A table whose rows are known by the values of some columns, the first `keys` of which are unique. */
interface NamedTable {
  table: string;
  columns: readonly string[];
  types: readonly string[];
  keys: number;
}

const CHANNELS: NamedTable = {
  table: 'channels',
  columns: ['platform', 'name'],
  types: ['text', 'text'],
  keys: 2,
};
const USERS: NamedTable = {
  table: 'users',
  columns: ['platform', 'user_key'],
  types: ['text', 'text'],
  keys: 2,
};
const NAMES: NamedTable = {
  table: 'user_names',
  columns: ['user_id', 'login', 'display_name'],
  types: ['int', 'text', 'text'],
  keys: 3,
};
const TEMPLATES: NamedTable = {
  table: 'templates',
  columns: ['hash', 'content'],
  types: ['uuid', 'json'],
  keys: 1,
};

type Values = readonly (string | number)[];

/** The id of each name; of those that the cache does not know by way of the table, which gets what it lacks. */
async function resolve(
  session: Session,
  cache: IdCache,
  table: NamedTable,
  names: readonly (string | undefined)[],
  valuesOf: (index: number) => Values,
): Promise<(number | undefined)[]> {
  const ids = names.map((name) => (name === undefined ? undefined : cache.get(name)));
  const unknown = new Map<string, Values>();
  names.forEach((name, index) => {
    if (name !== undefined && ids[index] === undefined && !unknown.has(name))
      unknown.set(name, valuesOf(index));
  });
  if (unknown.size === 0) return ids;
  await learn(session, cache, table, unknown);
  return ids.map((id, index) => id ?? (names[index] === undefined ? undefined : cache.get(names[index])));
}

async function learn(
  session: Session,
  cache: IdCache,
  { table, columns, types, keys }: NamedTable,
  unknown: ReadonlyMap<string, Values>,
): Promise<void> {
  const list = columns.join(', ');
  const keyList = columns.slice(0, keys).join(', ');
  const values = [...unknown.values()];
  const { rows } = await session.query(
    `WITH wanted AS (
       SELECT * FROM unnest(${types.map((type, index) => `$${index + 1}::${type === 'json' ? 'text' : type}[]`).join(', ')}) AS w(${list})),
       found AS (SELECT t.id, ${keyList} FROM ${table} t JOIN wanted USING (${keyList})),
       made AS (
         INSERT INTO ${table} (${list})
         SELECT ${columns.map((column, index) => `${column}::${types[index]}`).join(', ')} FROM wanted
         WHERE (${keyList}) NOT IN (SELECT ${keyList} FROM found) RETURNING id, ${keyList})
     SELECT * FROM found UNION ALL SELECT * FROM made`,
    columns.map((_, index) => values.map((row) => row[index]!)),
  );
  const ids = new Map(
    rows.map((row) => [
      columns
        .slice(0, keys)
        .map((name) => row[name])
        .join('\0'),
      row.id as number,
    ]),
  );
  for (const [name, row] of unknown) cache.add(name, ids.get(row.slice(0, keys).join('\0'))!);
}

function templateHash(template: string): string {
  return uuidOfHex(hash('sha256', template, 'hex'));
}
