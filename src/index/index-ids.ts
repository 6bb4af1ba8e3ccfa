/**
 * The ids that rows have for channels, users, names and templates. What is not known is looked up, and made where it is
 * missing, in one statement for each table. Only within a loading transaction ({@link LOAD_LOCK}): nobody else makes any.
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

/** Who is named by a line: `login` undefined where only the platform's id is known. */
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
  async learnChannels(
    session: Session,
    channels: Iterable<{ platform: string; channel: string }>,
  ): Promise<void> {
    const unknown = new Map<string, readonly string[]>();
    for (const { platform, channel } of channels) {
      const name = pair(platform, channel);
      if (this.#channels.get(name) === undefined) unknown.set(name, [platform, channel]);
    }
    await learn(session, this.#channels, unknown, 'channels', ['platform', 'name'], ['text', 'text']);
  }

  channelId(platform: string, channel: string): number {
    return this.#channels.get(pair(platform, channel))!;
  }

  /** Afterwards {@link userId} knows them. */
  async learnUsers(session: Session, users: Iterable<{ platform: string; userKey: string }>): Promise<void> {
    const unknown = new Map<string, readonly string[]>();
    for (const { platform, userKey } of users) {
      const name = pair(platform, userKey);
      if (this.#users.get(name) === undefined) unknown.set(name, [platform, userKey]);
    }
    await learn(session, this.#users, unknown, 'users', ['platform', 'user_key'], ['text', 'text']);
  }

  userId(platform: string, userKey: string): number {
    return this.#users.get(pair(platform, userKey))!;
  }

  /** Names and templates of lines whose users are known. Afterwards {@link idsOf} knows all of these lines. */
  async learnNames(session: Session, lines: readonly Named[]): Promise<void> {
    const names = new Map<string, readonly (string | number)[]>();
    const templates = new Map<string, readonly string[]>();
    for (const line of lines) {
      const { platform, userKey, login, displayName, template } = line;
      if (userKey !== undefined && login !== undefined) {
        const userId = this.userId(platform, userKey);
        const name = `${userId}\0${login}\0${displayName}`;
        if (!names.has(name) && this.#names.get(name) === undefined)
          names.set(name, [userId, login, displayName]);
      }
      if (template !== undefined && !templates.has(template) && this.#templates.get(template) === undefined)
        templates.set(template, [templateHash(template), template]);
    }
    await learn(
      session,
      this.#names,
      names,
      'user_names',
      ['user_id', 'login', 'display_name'],
      ['int', 'text', 'text'],
    );
    await learnTemplates(session, this.#templates, templates);
  }

  idsOf(line: Named): RowIds {
    const { platform, channel, userKey, login, displayName, template } = line;
    const userId = userKey === undefined ? undefined : this.userId(platform, userKey);
    return {
      channelId: this.channelId(platform, channel),
      userId,
      nameId: login === undefined ? undefined : this.#names.get(`${userId}\0${login}\0${displayName}`),
      templateId: template === undefined ? undefined : this.#templates.get(template),
    };
  }
}

function pair(platform: string, name: string): string {
  return `${platform}\0${name}`;
}

/** Looks `unknown` up by its columns and makes what is not there. The names of the map are the columns, joined by NUL. */
async function learn(
  session: Session,
  cache: IdCache,
  unknown: ReadonlyMap<string, readonly (string | number)[]>,
  table: string,
  columns: readonly string[],
  types: readonly string[],
): Promise<void> {
  if (unknown.size === 0) return;
  const list = columns.join(', ');
  const arrays = types.map((type, index) => `$${index + 1}::${type}[]`).join(', ');
  const { rows } = await session.query(
    `WITH wanted AS (SELECT * FROM unnest(${arrays}) AS w(${list})),
       found AS (SELECT id, ${list} FROM ${table} JOIN wanted USING (${list})),
       made AS (
         INSERT INTO ${table} (${list}) SELECT ${list} FROM wanted
         WHERE NOT EXISTS (SELECT 1 FROM found WHERE ${columns.map((name) => `found.${name} = wanted.${name}`).join(' AND ')})
         RETURNING id, ${list})
     SELECT * FROM found UNION ALL SELECT * FROM made`,
    columns.map((_, index) => [...unknown.values()].map((values) => values[index])),
  );
  for (const row of rows) cache.add(columns.map((name) => row[name]).join('\0'), row.id as number);
}

async function learnTemplates(
  session: Session,
  cache: IdCache,
  unknown: ReadonlyMap<string, readonly string[]>,
): Promise<void> {
  if (unknown.size === 0) return;
  const byHash = new Map([...unknown].map(([template, [digest]]) => [digest!, template]));
  const { rows } = await session.query(
    `WITH wanted AS (SELECT * FROM unnest($1::uuid[], $2::text[]) AS w(hash, content)),
       found AS (SELECT id, hash FROM templates JOIN wanted USING (hash)),
       made AS (
         INSERT INTO templates (hash, content) SELECT hash, content::json FROM wanted
         WHERE hash NOT IN (SELECT hash FROM found) RETURNING id, hash)
     SELECT * FROM found UNION ALL SELECT * FROM made`,
    [[...byHash.keys()], [...byHash.values()]],
  );
  for (const { id, hash } of rows) cache.add(byHash.get(hash as string)!, id as number);
}

function templateHash(template: string): string {
  return uuidOfHex(hash('sha256', template, 'hex'));
}
