/** Channels and users by the names that people give them. Who opted out is as if there were nobody of the name. */
import type { Session } from '../index/database/database.ts';
import { plainText } from '../index/database-text.ts';
import {
  allChannels,
  type ChannelRow,
  findChannels,
  knownPlatforms,
} from '../index/queries/find-channels.ts';
import { findUsersByKey, findUsersByLogin, type UserRow } from '../index/queries/find-users.ts';
import type { PrivacyGate } from '../privacy/privacy-gate.ts';
import { isChannelVisible, isUserVisible } from './visibility.ts';

export interface Names {
  channel?: string | undefined;
  platform?: string | undefined;
  user?: string | undefined;
}

/** Undefined: not restricted. Empty: there is none of that name. */
export interface Subjects {
  channels: ChannelRow[] | undefined;
  users: UserRow[] | undefined;
}

export async function findSubjects(session: Session, privacy: PrivacyGate, names: Names): Promise<Subjects> {
  const { channel, platform, user } = names;
  // Users are of their platform already.
  const isRestricted = channel !== undefined || (platform !== undefined && user === undefined);
  return {
    channels: isRestricted ? await channelsOf(session, privacy, channel, platform) : undefined,
    users: user === undefined ? undefined : latestOwners(await usersOf(session, privacy, user, platform)),
  };
}

export async function channelsOf(
  session: Session,
  privacy: PrivacyGate,
  channel: string | undefined,
  platform: string | undefined,
): Promise<ChannelRow[]> {
  const found =
    channel === undefined
      ? await allChannels(session, platform)
      : await findChannels(session, channel, platform);
  return found.filter((row) => isChannelVisible(privacy, plainText(row.platform), plainText(row.name)));
}

/** Everyone who has or had the name, its latest owner first; or who has the id (`id:123`). */
export async function usersOf(
  session: Session,
  privacy: PrivacyGate,
  user: string,
  platform: string | undefined,
): Promise<UserRow[]> {
  const key = /^id:(.+)$/.exec(user)?.[1];
  const found =
    key === undefined
      ? await findUsersByLogin(session, user.replace(/^@/, ''), platform)
      : await findUsersByKey(
          session,
          key,
          platform === undefined ? await knownPlatforms(session) : [platform],
        );
  return found.filter((row) => isUserVisible(privacy, plainText(row.platform), plainText(row.user_key)));
}

/** Of each platform the first. */
function latestOwners(users: readonly UserRow[]): UserRow[] {
  return users.filter(
    (user, index) => users.findIndex(({ platform }) => platform === user.platform) === index,
  );
}

export function idsOf(rows: readonly { id: number }[] | undefined): number[] | undefined {
  return rows?.map(({ id }) => id);
}
