/** What an admin may change about channels. The configuration file is edited, as by hand, and comments in it stay. */
import { z } from 'zod';
import { channelIdentity, channelName } from '../../config/channel-names.ts';
import { type EffectiveChannel, resolveChannels } from '../../config/resolve-channels.ts';
import { channelSettings } from '../../config/schema.ts';
import { ChatlogError } from '../../lib/errors.ts';
import type { ApiApp, ApiContext, RecorderControl } from '../api-context.ts';
import { ApiError, invalidParameter, notFound } from '../api-error.ts';

const platform = z
  .string()
  .regex(/^(?:twitch|irc-[a-z0-9-]{1,32})$/, 'should be twitch or irc-<network>')
  .describe('twitch, or irc-<network>');
const name = z.string().min(1).max(400).describe('Name of the channel; of IRC with its #');

const named = {
  params: z.object({ name }),
  querystring: z.object({
    platform: platform
      .optional()
      .describe('Of the channel; not needed where one platform alone has a channel of this name.'),
  }),
};

/** `null` goes back to the default. */
const settings = z.strictObject({
  enabled: channelSettings.enabled.nullable().describe('Whether it is recorded'),
  samplingRate: channelSettings.sampling_rate.nullable().describe('Share of messages kept, 0 to 1'),
  retentionDays: channelSettings.retention_days
    .nullable()
    .describe('How long the index keeps it, or "forever"'),
  objectRetentionDays: channelSettings.object_retention_days
    .nullable()
    .describe('How long storage keeps its objects, or "forever"'),
  presence: channelSettings.presence.nullable().describe('Joins and parts too'),
});

const SETTING_KEYS = {
  enabled: 'enabled',
  samplingRate: 'sampling_rate',
  retentionDays: 'retention_days',
  objectRetentionDays: 'object_retention_days',
  presence: 'presence',
} as const;

const channelAnswer = z.object({
  platform: z.string(),
  name: z.string(),
  configured: z.boolean().describe('Whether the configuration has it'),
  state: z.string().nullable().describe('joined, queued, joining, ...; null where no connector has it'),
  reason: z.string().optional().describe('Why it is not joined'),
  settings: z
    .object({
      enabled: z.boolean(),
      samplingRate: z.number(),
      retentionDays: z.union([z.number(), z.literal('forever')]),
      objectRetentionDays: z.union([z.number(), z.literal('forever')]),
      presence: z.boolean(),
    })
    .nullable(),
});
type ChannelAnswer = z.output<typeof channelAnswer>;

const config = { scope: 'admin' } as const;
const tags = ['channels'];

export function registerChannelAdminRoutes(app: ApiApp, context: ApiContext): void {
  const control = (): RecorderControl => {
    if (context.recorder) return context.recorder;
    throw new ApiError(409, 'not_recording', 'this process does not record', {
      hint: 'Ask the one that does, or edit its configuration with "chatlog channels".',
    });
  };

  app.post(
    '/api/channels',
    {
      config,
      schema: {
        tags,
        summary: 'Record one more channel',
        description: 'Joins it and adds it to the configuration file.',
        body: z.strictObject({ name, platform: platform.default('twitch') }),
        response: { 201: channelAnswer },
      },
    },
    async ({ body }, reply) => {
      const own = normalised(body.platform, body.name, 'name');
      await explained(control().addChannel(body.platform, own));
      return reply.code(201).send(describe(context, body.platform, own));
    },
  );
  app.patch(
    '/api/channels/:name',
    {
      config,
      schema: {
        ...named,
        tags,
        summary: 'Change settings of a channel',
        description: 'What is left out stays; null goes back to the default.',
        body: settings,
        response: { 200: channelAnswer },
      },
    },
    async ({ params, query, body }) => {
      const channel = configured(context, query.platform, params.name);
      const changes = Object.entries(body).map(([key, value]) => [
        SETTING_KEYS[key as keyof typeof SETTING_KEYS],
        value === null ? '' : String(value),
      ]);
      if (changes.length === 0)
        throw invalidParameter('body', `should have one of ${Object.keys(SETTING_KEYS).join(', ')}`);
      await explained(control().setChannel(channel.platform, channel.name, Object.fromEntries(changes)));
      return describe(context, channel.platform, channel.name);
    },
  );
  app.delete(
    '/api/channels/:name',
    {
      config,
      schema: {
        ...named,
        tags,
        summary: 'No longer record a channel',
        description: 'Leaves it and takes it out of the configuration file. What was recorded stays.',
        response: { 200: channelAnswer },
      },
    },
    async ({ params, query }) => {
      const channel = configured(context, query.platform, params.name);
      await explained(control().removeChannel(channel.platform, channel.name));
      return describe(context, channel.platform, channel.name);
    },
  );
  app.post(
    '/api/channels/:name/rejoin',
    {
      config,
      schema: {
        ...named,
        tags,
        summary: 'Leave a channel and join it again',
        description: 'What is missed meanwhile is written down as a gap.',
        response: { 202: channelAnswer },
      },
    },
    async ({ params, query }, reply) => {
      const channel = configured(context, query.platform, params.name);
      await explained(control().rejoin(channel.platform, channel.name));
      return reply.code(202).send(describe(context, channel.platform, channel.name));
    },
  );
}

function normalised(ofPlatform: string, text: string, parameter: string): string {
  const result = channelName(ofPlatform, text);
  if ('name' in result) return result.name;
  throw invalidParameter(parameter, result.problem);
}

/** As the configuration has it. Throws 404 where it has none, and 409 where several platforms have one of the name. */
function configured(context: ApiContext, onPlatform: string | undefined, text: string): EffectiveChannel {
  if (onPlatform !== undefined) normalised(onPlatform, text, 'name');
  const platforms = onPlatform === undefined ? [...resolveChannels(context.config()).keys()] : [onPlatform];
  const [found, ...others] = platforms.flatMap((each) => settingsOf(context, each, text) ?? []);
  if (!found) {
    const which = onPlatform === undefined ? text : `${text} of ${onPlatform}`;
    throw notFound(`channel ${which} in the configuration`, 'POST /api/channels adds one.');
  }
  if (others.length > 0) {
    const all = [found, ...others].map(({ platform: each }) => each).join(', ');
    throw new ApiError(409, 'ambiguous_name', `several platforms have a channel ${text}: ${all}`, {
      hint: 'Say which by platform.',
    });
  }
  return found;
}

function settingsOf(context: ApiContext, ofPlatform: string, own: string): EffectiveChannel | undefined {
  const identity = channelIdentity(ofPlatform, own);
  const channels = resolveChannels(context.config()).get(ofPlatform) ?? [];
  return channels.find((channel) => channelIdentity(ofPlatform, channel.name) === identity);
}

function describe(context: ApiContext, ofPlatform: string, own: string): ChannelAnswer {
  const found = settingsOf(context, ofPlatform, own);
  const live = context.recorder
    ?.channelStates()
    .find(({ platform: onPlatform, channel }) => onPlatform === ofPlatform && channel === own);
  return {
    platform: ofPlatform,
    name: own,
    configured: found !== undefined,
    state: live?.state ?? null,
    ...(live?.reason !== undefined && { reason: live.reason }),
    settings: found
      ? {
          enabled: found.enabled,
          samplingRate: found.samplingRate,
          retentionDays: found.retentionDays,
          objectRetentionDays: found.objectRetentionDays,
          presence: found.presence,
        }
      : null,
  };
}

const STATUSES: Readonly<Record<string, number>> = {
  channel_exists: 409,
  edit_refused: 409,
  config_invalid: 400,
};

async function explained(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    const status = error instanceof ChatlogError ? STATUSES[error.code] : undefined;
    if (status === undefined) throw error;
    const { code, message, hint } = error as ChatlogError;
    throw new ApiError(status, code, message, { hint, cause: error });
  }
}
