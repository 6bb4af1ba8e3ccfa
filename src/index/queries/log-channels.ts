/** Channels as log viewers name them: by login or by the platform's id. */
import type { Session } from '../database/database.ts';
import { databaseText, plainText } from '../database-text.ts';

/** A channel in all of its names: one that was renamed has a row for each. */
export interface LogChannel {
  platform: string;
  /** The name it was found by, or its latest one. As in the lines. */
  name: string;
  /** With {@link name} among them; ids in the same order. */
  names: string[];
  ids: number[];
  /** The platform's id; `platform:name` where it gives none. */
  platformId: string;
}

interface ChannelRow {
  id: number;
  platform: string;
  name: string;
  platform_id: string | null;
}

/**
 * With or without `#`, in upper or lower case. Where several platforms have one of this name: the one that has exactly
 * this name, else Twitch's. Undefined where nobody has.
 */
export async function channelByName(session: Session, name: string): Promise<LogChannel | undefined> {
  const bare = name.replace(/^#/, '');
  const spellings = [name, bare, `#${bare}`].map((each) => databaseText(each).toLowerCase());
  // The table is small: a row for each channel that was ever recorded.
  const { rows } = await session.query(
    `SELECT id, platform, name, platform_id FROM channels WHERE lower(name) = ANY ($1::text[])
     ORDER BY lower(name) = $2 DESC, platform = 'twitch' DESC, id DESC`,
    [spellings, spellings[0]],
  );
  return withOtherNames(session, rows[0] as unknown as ChannelRow | undefined);
}

/** Index: channels_by_platform_id. */
export async function channelById(session: Session, id: string): Promise<LogChannel | undefined> {
  const [, platform, name] = /^([a-z0-9-]+):(.+)$/s.exec(id) ?? [];
  const { rows } =
    platform === undefined
      ? await session.query(
          `SELECT id, platform, name, platform_id FROM channels WHERE platform_id = $1
           ORDER BY platform = 'twitch' DESC, id DESC LIMIT 1`,
          [databaseText(id)],
        )
      : await session.query(
          `SELECT id, platform, name, platform_id FROM channels WHERE platform = $1 AND lower(name) = lower($2)
           ORDER BY id DESC LIMIT 1`,
          [platform, databaseText(name!)],
        );
  return withOtherNames(session, rows[0] as unknown as ChannelRow | undefined);
}

/** Every channel that has lines, in order of platform and name; of a renamed one each name. `*`: of no channel. */
export async function allLogChannels(session: Session): Promise<LogChannel[]> {
  const { rows } = await session.query(
    'SELECT id, platform, name, platform_id FROM channels ORDER BY platform, name',
  );
  return (rows as unknown as ChannelRow[]).map((row) => fromRows([row]));
}

async function withOtherNames(
  session: Session,
  row: ChannelRow | undefined,
): Promise<LogChannel | undefined> {
  if (!row) return undefined;
  if (row.platform_id === null) return fromRows([row]);
  const { rows } = await session.query(
    `SELECT id, platform, name, platform_id FROM channels
     WHERE platform_id = $1 AND platform = $2 ORDER BY id = $3 DESC, id DESC`,
    [row.platform_id, row.platform, row.id],
  );
  return fromRows(rows as unknown as ChannelRow[]);
}

function fromRows(rows: readonly ChannelRow[]): LogChannel {
  const { platform, platform_id: platformId } = rows[0]!;
  const names = rows.map((row) => plainText(row.name));
  return {
    platform: plainText(platform),
    name: names[0]!,
    names,
    ids: rows.map(({ id }) => id),
    platformId: platformId === null ? `${plainText(platform)}:${names[0]!}` : plainText(platformId),
  };
}
