/** What an admin may change about channels. The configuration file is edited, as by hand, and comments in it stay. */
import { z } from 'zod';
import { channelIdentity, channelName } from '../../config/channel-names.ts';
import { resolveChannels } from '../../config/resolve-channels.ts';
import { channelSettings } from '../../config/schema.ts';
import { ChatlogError } from '../../lib/errors.ts';
import type { ApiApp, ApiContext, RecorderControl } from '../api-context.ts';
import { ApiError, invalidParameter, notFound } from '../api-error.ts';

const platform = z
  .string()
  .regex(/^(?:twitch|irc-[a-z0-9-]{1,32})$/, 'should be twitch or irc-<network>')
  .describe('twitch, or irc-<network>');
const name = z.string().min(1).max(400).describe('Name of the channel; of IRC with its #');

const named = { params: z.object({ name }), querystring: z.object({ platform: platform.default('twitch') }) };

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
      const own = configured(context, query.platform, params.name);
      const changes = Object.entries(body).map(([key, value]) => [
        SETTING_KEYS[key as keyof typeof SETTING_KEYS],
        value === null ? '' : String(value),
      ]);
      if (changes.length === 0)
        throw invalidParameter('body', `should have one of ${Object.keys(SETTING_KEYS).join(', ')}`);
      await explained(control().setChannel(query.platform, own, Object.fromEntries(changes)));
      return describe(context, query.platform, own);
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
      const own = configured(context, query.platform, params.name);
      await explained(control().removeChannel(query.platform, own));
      return describe(context, query.platform, own);
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
      const own = configured(context, query.platform, params.name);
      await explained(control().rejoin(query.platform, own));
      return reply.code(202).send(describe(context, query.platform, own));
    },
  );
}

function normalised(ofPlatform: string, text: string, parameter: string): string {
  const result = channelName(ofPlatform, text);
  if ('name' in result) return result.name;
  throw invalidParameter(parameter, result.problem);
}

/** The name as the configuration has it. Throws 404 where it has none. */
function configured(context: ApiContext, ofPlatform: string, text: string): string {
  const found = settingsOf(context, ofPlatform, normalised(ofPlatform, text, 'name'));
  if (!found)
    throw notFound(`channel ${text} of ${ofPlatform} in the configuration`, 'POST /api/channels adds one.');
  return found.name;
}

function settingsOf(context: ApiContext, ofPlatform: string, own: string) {
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
