/**
 * Who is meant: by id, or by a name, which may have had several owners. Looks through the archive and the local disk,
 * which know every name that a person ever had; what the index knows is added.
 */
import { readdir } from 'node:fs/promises';
import type { Database } from '../../index/database/database.ts';
import { databaseText, plainText } from '../../index/database-text.ts';
import { ChatlogError } from '../../lib/errors.ts';
import { encodeName, parseSegmentFile } from '../../segment-name.ts';
import type { Spool } from '../../spool.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { listSegments, readSegment } from '../../storage/read-segment.ts';
import { userKeyOf } from '../privacy-gate.ts';
import { fileLines, LINE_DIRECTORIES } from './forget-files.ts';
import { linesWithEnds } from './rewrite-lines.ts';

export interface FoundPerson {
  platform: string;
  userKey: string;
  /** Logins and display names. */
  names: string[];
}

export interface FindPersonOptions {
  /** What is left out is not looked through. */
  store: ObjectStore | undefined;
  spool: Spool | undefined;
  database: Database | undefined;
  signal: AbortSignal;
}

interface Sighting {
  names: Set<string>;
  /** RFC 3339; '' where it is only known from the index. */
  lastSeen: string;
}

/**
 * @param who an id, a name, or `id:` and an id where the two could be confused
 * Throws `person_unknown`, and `person_ambiguous` with the candidates in its hint.
 */
export async function findPerson(
  platform: string,
  who: string,
  options: FindPersonOptions,
): Promise<FoundPerson> {
  const isId = who.startsWith('id:');
  const wanted = isId ? who.slice('id:'.length) : who.replace(/^@/, '');
  const seen = await sightings(platform, [wanted], options);
  const owners = ownersOf(wanted, seen);
  const userKey = seen.has(wanted) || isId ? wanted : owners.length === 1 ? owners[0]! : undefined;
  if (userKey === undefined && owners.length > 1) throw ambiguous(platform, wanted, owners, seen);
  if (userKey === undefined || !seen.has(userKey))
    throw new ChatlogError('person_unknown', `nobody called ${wanted} was recorded on ${platform}`, {
      hint: 'Is it the right --platform? By id: "id:12345".',
    });
  // A name was looked for: what else its owner was called, only their id tells.
  const all = userKey === wanted ? seen : await sightings(platform, [userKey.replace(/^~/, '')], options);
  const names = new Set([...(seen.get(userKey)?.names ?? []), ...(all.get(userKey)?.names ?? [])]);
  return { platform, userKey, names: [...names].filter((name) => name !== '').sort() };
}

/** Lines that give no id (joins, deletions) tell of nobody else where others give one. */
function ownersOf(name: string, seen: ReadonlyMap<string, Sighting>): string[] {
  const keys = [...seen.keys()].filter((key) => isNamed(seen.get(key)!, name));
  const ids = keys.filter((key) => !key.startsWith('~'));
  return ids.length > 0 ? ids : keys;
}

function isNamed({ names }: Sighting, name: string): boolean {
  return [...names].some((known) => known.toLowerCase() === name.toLowerCase());
}

/** Everybody with this id or name. */
async function sightings(
  platform: string,
  needles: readonly string[],
  options: FindPersonOptions,
): Promise<Map<string, Sighting>> {
  const seen = new Map<string, Sighting>();
  const wanted = needles.map((needle) => needle.toLowerCase());
  const note = (userKey: string, names: readonly string[], lastSeen: string) => {
    const sighting = seen.get(userKey) ?? { names: new Set(), lastSeen: '' };
    for (const name of names) sighting.names.add(name);
    if (lastSeen > sighting.lastSeen) sighting.lastSeen = lastSeen;
    seen.set(userKey, sighting);
  };
  for await (const source of sources(platform, options)) {
    for await (const line of linesWithEnds(source)) noteLine(line.toString('utf8'), wanted, note);
  }
  if (options.database) await noteIndex(options.database, platform, wanted, note);
  return seen;
}

type Note = (userKey: string, names: readonly string[], lastSeen: string) => void;

function noteLine(text: string, wanted: readonly string[], note: Note): void {
  const folded = text.toLowerCase();
  if (!wanted.some((needle) => folded.includes(JSON.stringify(needle).slice(1, -1)))) return;
  let line: Record<string, unknown>;
  try {
    line = JSON.parse(text);
  } catch {
    return;
  }
  const { user_id: id, username, display_name: shown, target_user_id: targetId, target, timestamp } = line;
  const known = [
    { id: textOf(id), login: textOf(username), display: textOf(shown) },
    { id: textOf(targetId), login: textOf(target), display: '' },
  ];
  for (const { id, login, display } of known) {
    if (id === '' && login === '') continue;
    const names = [login, display].filter((name) => name !== '');
    if ([id, ...names].some((name) => wanted.includes(name.toLowerCase())))
      note(userKeyOf(id, login), names, textOf(timestamp));
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

async function* sources(
  platform: string,
  { store, spool, signal }: FindPersonOptions,
): AsyncGenerator<AsyncIterable<Uint8Array>> {
  for (const directory of spool ? LINE_DIRECTORIES : []) {
    for (const file of await readdir(spool!.path(directory))) {
      if (parseSegmentFile(file)?.platform === encodeName(platform))
        yield readable(fileLines(spool!.path(directory, file), signal), signal);
    }
  }
  if (!store) return;
  for await (const { key } of listSegments(store, { platform }, signal))
    yield readable(readSegment(store, key, signal), signal);
}

/** What is damaged or gone ends early: it does not stop the search. */
async function* readable(source: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* source;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ChatlogError && !['object_corrupt', 'object_missing'].includes(error.code))
      throw error;
  }
}

async function noteIndex(
  database: Database,
  platform: string,
  wanted: readonly string[],
  note: Note,
): Promise<void> {
  const { rows } = await database.read((session) =>
    session.query(
      `SELECT u.user_key, n.login, n.display_name FROM users u JOIN user_names n ON n.user_id = u.id
       WHERE u.platform = $1 AND (u.user_key = ANY($2::text[]) OR u.id IN (
         SELECT user_id FROM user_names WHERE login = ANY($2::text[]) OR lower(login) = ANY($2::text[])))`,
      [databaseText(platform), wanted.map(databaseText)],
    ),
  );
  for (const row of rows) {
    const names = [row.login, row.display_name].map((name) => plainText(name as string));
    note(plainText(row.user_key as string), names, '');
  }
}

function ambiguous(
  platform: string,
  name: string,
  owners: readonly string[],
  seen: ReadonlyMap<string, Sighting>,
): ChatlogError {
  const list = owners.map((key) => {
    const { names, lastSeen } = seen.get(key)!;
    return `id:${key} (${[...names].join(', ')}${lastSeen === '' ? '' : `; last seen ${lastSeen}`})`;
  });
  return new ChatlogError('person_ambiguous', `${owners.length} people were called ${name} on ${platform}`, {
    hint: `Say which one: ${list.join('; ')}`,
  });
}
