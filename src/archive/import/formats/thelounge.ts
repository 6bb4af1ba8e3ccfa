/**
 * The Lounge's SQLite databases, `logs/<user>.sqlite3`: table `messages(network, channel, time, type, msg)`, `msg` JSON.
 * Networks stand there by id; their names are in `users/<user>.json` beside `logs`.
 * Sources: The Lounge's `server/plugins/messageStorage/sqlite.ts`, `server/models/msg.ts`.
 */
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { type Draft, reading } from '../import-event.ts';
import { type ImportFormat, type Reading, type SourceInfo, unclear } from '../import-format.ts';
import * as irc from './irc-log.ts';
import { isRecord, textOf } from './json-values.ts';

export const thelounge: ImportFormat = {
  name: 'thelounge',
  title: 'The Lounge databases (SQLite)',
  says: ['channel'],
  detect({ head }) {
    const isSqlite = head.subarray(0, 16).toString('latin1') === 'SQLite format 3\0';
    return isSqlite && /CREATE TABLE "?messages"?\s*\([^)]*network TEXT/i.test(head.toString('latin1'))
      ? 'an SQLite database with a table of messages'
      : undefined;
  },
  open: async (info) => {
    if (info.file === undefined)
      throw unclear('source', 'Name the database: it cannot come from standard input or be compressed.');
    const names = await networkNames(info);
    const database = await openDatabase(info);
    const networks = database.prepare('SELECT DISTINCT network FROM messages').all();
    const ids = networks.map(({ network }) => textOf(network) ?? '');
    database.close();
    if (
      info.settings.platform === undefined
        ? ids.some((id) => !names.has(id))
        : ids.length > 1 && names.size === 0
    )
      throw unclear(
        'platform',
        `It has ${ids.length} networks, named only by ids: put The Lounge's users/<user>.json beside its logs directory` +
          `${ids.length > 1 ? '.' : ', or add --platform irc-NETWORK.'}`,
      );
    return { kind: 'file', read: (signal) => rows(info, names, signal) };
  },
};

/** Loaded only where it is needed: some versions of Node say that it is experimental. */
async function openDatabase({ file }: SourceInfo): Promise<DatabaseSync> {
  const { DatabaseSync } = await import('node:sqlite');
  return new DatabaseSync(file!, { readOnly: true });
}

/** By id; empty where the user's file is not there. */
async function networkNames({ file }: SourceInfo): Promise<ReadonlyMap<string, string>> {
  const user = basename(file!).replace(/\.sqlite3?$/i, '');
  const path = join(dirname(file!), '..', 'users', `${user}.json`);
  try {
    const { networks } = JSON.parse(await readFile(path, 'utf8')) as { networks?: unknown };
    if (!Array.isArray(networks)) return new Map();
    return new Map(networks.filter(isRecord).map(({ uuid, name }) => [String(uuid), String(name)]));
  } catch {
    return new Map();
  }
}

/** A turn now and then, so that a signal is heard. */
const ROWS_PER_TURN = 1000;

async function* rows(
  info: SourceInfo,
  names: ReadonlyMap<string, string>,
  signal: AbortSignal,
): AsyncGenerator<readonly Reading[]> {
  const database = await openDatabase(info);
  try {
    let count = 0;
    for (const row of database.prepare('SELECT network, channel, time, type, msg FROM messages').iterate()) {
      if (++count % ROWS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
      yield [readRow(row, info, names)];
    }
  } finally {
    database.close();
  }
}

export function readRow(
  row: Record<string, unknown>,
  info: Pick<SourceInfo, 'settings'>,
  names: ReadonlyMap<string, string>,
): Reading {
  const message = parseMessage(row.msg);
  if (!message) return { reject: 'its message is no JSON object', text: rowText(row) };
  const window = textOf(row.channel);
  if (window === undefined) return { reject: 'it names no channel', text: rowText(row) };
  const place = placeOf(info, { network: names.get(String(row.network)), window });
  if (!place) return { reject: 'its network has no name', text: rowText(row) };
  const draft = understand(String(row.type), message) ?? irc.notUnderstood(rowText(row));
  return reading(irc.inPlace(draft, place), place, Number(row.time), 1);
}

function rowText(row: Record<string, unknown>): string {
  return JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? String(value) : value));
}

function placeOf(info: Pick<SourceInfo, 'settings'>, hint: irc.IrcHint): irc.IrcPlace | undefined {
  try {
    return irc.ircPlace(info, hint);
  } catch {
    return undefined;
  }
}

type Message = Record<string, unknown>;

function parseMessage(text: unknown): Message | undefined {
  try {
    const value: unknown = JSON.parse(String(text));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function understand(type: string, message: Message): Draft | undefined {
  const text = textOf(message.text) ?? '';
  const who = nickOf(message.from, message.hostmask);
  const direction = message.self === true ? ('outgoing' as const) : undefined;
  switch (type) {
    case 'message':
      return { ...irc.said(who, text), direction };
    case 'action':
      return { ...irc.acted(who, text), direction };
    case 'notice':
    case 'wallops':
      return { ...irc.noticed(who, text), direction };
    case 'join':
      return irc.joined(who);
    case 'part':
      return irc.parted(who, text);
    case 'quit':
      return irc.quit(who, text);
    case 'kick':
      return irc.kicked(who, nickOf(message.target, undefined).nick, text);
    case 'nick':
      return irc.renamed(who, textOf(message.new_nick) ?? '');
    case 'mode':
      return irc.modeSet(who, text);
    case 'topic':
      return irc.topicSet(who, text);
    default:
      return text === '' ? undefined : { ...irc.told(text), platform_event: type };
  }
}

function nickOf(from: unknown, hostmask: unknown): irc.Nick {
  const { nick, mode } = isRecord(from) ? from : { nick: from, mode: undefined };
  return { nick: textOf(nick) ?? '', host: textOf(hostmask), sign: textOf(mode) };
}
