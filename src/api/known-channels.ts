/** Channels as the configuration, the recorder and the index know them, put together. */
import { z } from 'zod';
import { channelIdentity } from '../config/channel-names.ts';
import { type EffectiveChannel, resolveChannels } from '../config/resolve-channels.ts';
import type { Session } from '../index/database/database.ts';
import { plainText } from '../index/database-text.ts';
import { channelActivity } from '../index/queries/channel-activity.ts';
import type { ChannelRow } from '../index/queries/find-channels.ts';
import type { ApiContext } from './api-context.ts';
import { isChannelVisible } from './visibility.ts';

const ACTIVE_MS = 24 * 3_600_000;

export const apiChannel = z.object({
  platform: z.string(),
  name: z.string(),
  channelId: z.string().nullable().describe('The platform’s id of it, where it says one.'),
  active: z.boolean().describe('It is joined now, or had a line within 24 hours.'),
  configured: z.boolean().describe('Whether the configuration here has it.'),
  enabled: z.boolean().describe('Whether the configuration here has it recorded.'),
  state: z
    .string()
    .nullable()
    .describe('joined, queued, joining, ...; null where this process does not record it.'),
  reason: z.string().optional().describe('Why it is not joined.'),
  lastActive: z.iso.datetime().nullable().describe('Beginning of the last UTC hour with a line.'),
  messagesLast24Hours: z.number().int(),
});
export type ApiChannel = z.infer<typeof apiChannel>;

/** In the order of platform and name. `rows`: those of the index; what only the configuration has comes along. */
export async function knownChannels(
  context: Pick<ApiContext, 'config' | 'now' | 'privacy' | 'recorder'>,
  session: Session,
  rows: readonly ChannelRow[],
): Promise<ApiChannel[]> {
  const nowMs = context.now();
  const activity = await channelActivity(
    session,
    rows.map(({ id }) => id),
    nowMs - ACTIVE_MS,
  );
  const configured = new Map<string, EffectiveChannel>();
  for (const channels of resolveChannels(context.config()).values())
    for (const channel of channels) configured.set(keyOf(channel.platform, channel.name), channel);
  const states = new Map(
    context.recorder?.channelStates().map((state) => [keyOf(state.platform, state.channel), state]),
  );
  const describe = (platform: string, name: string, row: ChannelRow | undefined): ApiChannel => {
    const key = keyOf(platform, name);
    const own = configured.get(key);
    const state = states.get(key);
    const did = row && activity.get(row.id);
    const lastMs = did?.last_hour?.getTime();
    return {
      platform,
      name,
      channelId: row?.platform_id ?? null,
      active: state?.state === 'joined' || (lastMs !== undefined && lastMs > nowMs - ACTIVE_MS),
      configured: own !== undefined,
      enabled: own?.enabled ?? false,
      state: state?.state ?? null,
      ...(state?.reason !== undefined && { reason: state.reason }),
      lastActive: did?.last_hour?.toISOString() ?? null,
      messagesLast24Hours: did?.messages ?? 0,
    };
  };
  const known = rows.map((row) => describe(plainText(row.platform), plainText(row.name), row));
  const indexed = new Set(known.map(({ platform, name }) => keyOf(platform, name)));
  const others = [...configured.entries()].filter(([key]) => !indexed.has(key));
  return [...known, ...others.map(([, { platform, name }]) => describe(platform, name, undefined))]
    .filter(({ platform, name }) => isChannelVisible(context.privacy, platform, name))
    .sort((a, b) => compare(a.platform, b.platform) || compare(a.name, b.name));
}

function keyOf(platform: string, name: string): string {
  return `${platform} ${channelIdentity(platform, name)}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
