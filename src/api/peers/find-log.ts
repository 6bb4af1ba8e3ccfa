/** Whose log is asked for: the channel and the person of a path, and whether they may be shown. */
import { findKnownUser, type LogReader, type Named, readerOf } from '../../archive-query/log-reader.ts';
import type { Session } from '../../index/database/database.ts';
import { channelById, channelByName, type LogChannel } from '../../index/queries/log-channels.ts';
import type { LogUser } from '../../index/queries/log-users.ts';
import { type PrivacyGate, userKeyOf } from '../../privacy/privacy-gate.ts';
import { notFound, optedOut } from './peer-error.ts';

export type Naming = Named['by'];

/**
 * A channel of that name that the index has never seen may still be in the archive: then without ids. Throws 403 where it
 * opted out, 404 where an id is nobody's.
 */
export async function findChannel(session: Session, privacy: PrivacyGate, named: Named): Promise<LogChannel> {
  const found =
    named.by === 'id' ? await channelById(session, named.text) : await channelByName(session, named.text);
  const channel = found ?? (named.by === 'name' ? unseenChannel(named.text) : undefined);
  if (!channel) throw notFound();
  if (channel.names.some((name) => privacy.isChannelOptedOut(channel.platform, name)))
    throw optedOut('channel');
  return channel;
}

function unseenChannel(text: string): LogChannel | undefined {
  const name = text.replace(/^#/, '').toLowerCase();
  // As Twitch's names are: nothing else is guessed at.
  if (!/^[a-z0-9_]{1,25}$/.test(name)) return undefined;
  return { platform: 'twitch', name, names: [name], ids: [], platformId: '' };
}

/** A person in the channel's platform. */
export interface FoundUser extends LogReader {
  /** Undefined where the index does not know them. */
  known: LogUser | undefined;
}

/** Throws 403 where the person opted out. */
export async function findUser(
  session: Session,
  privacy: PrivacyGate,
  platform: string,
  named: Named,
): Promise<FoundUser> {
  const known = await findKnownUser(session, platform, named);
  const key = known ? known.userKey : named.by === 'id' ? named.text : userKeyOf('', named.text);
  if (privacy.isUserOptedOut(platform, key)) throw optedOut('user');
  return { known, ...readerOf(known, named) };
}
