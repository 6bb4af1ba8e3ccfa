/** A person whose lines are asked for, as the index and the archive know them. */
import type { Session } from '../index/database/database.ts';
import { type LogUser, userById, userByLogin } from '../index/queries/log-users.ts';
import type { ArchiveUser } from './archive-request.ts';

export interface LogReader {
  /** In the index; undefined where it does not know them. */
  id: number | undefined;
  archived: ArchiveUser;
}

/** How a person is named: by login, or by the platform's id. */
export interface Named {
  by: 'name' | 'id';
  text: string;
}

export async function findKnownUser(
  session: Session,
  platform: string,
  { by, text }: Named,
): Promise<LogUser | undefined> {
  return by === 'id' ? userById(session, platform, text) : userByLogin(session, platform, text);
}

/** Whom the index does not know the archive may know, by what they were named. */
export function readerOf(known: LogUser | undefined, { by, text }: Named): LogReader {
  if (!known) {
    const archived = by === 'id' ? { id: text, logins: [] } : { id: undefined, logins: [text.toLowerCase()] };
    return { id: undefined, archived };
  }
  const id = known.userKey.startsWith('~') ? undefined : known.userKey;
  return { id: known.id, archived: { id, logins: known.logins } };
}

/** `ann`, or `id:7`. */
export function parseNamed(text: string): Named {
  const id = /^id:(.+)$/s.exec(text)?.[1];
  return id === undefined ? { by: 'name', text } : { by: 'id', text: id };
}
