/**
 * `POST` and `DELETE /admin/channels`: which channels are recorded, as rustlog's administrators say it. The key is a token
 * of scope admin.
 */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { twitchChannelName } from '../../config/channel-names.ts';
import { channelById } from '../../index/queries/log-channels.ts';
import { ChatlogError } from '../../lib/errors.ts';
import type { ApiApp, ApiContext, RecorderControl } from '../api-context.ts';
import { invalidParam, PeerError } from './peer-error.ts';
import { ask } from './peer-request.ts';

const PATH = '/admin/channels';
const CHANNELS_MAX = 1_000;
const bodySchema = z.object({ channels: z.array(z.string().min(1).max(500)).min(1).max(CHANNELS_MAX) });

interface Target {
  platform: string;
  name: string;
}

export function registerAdminChannelsRoute(app: ApiApp, context: ApiContext): void {
  const route = (method: 'POST' | 'DELETE', summary: string) =>
    app.route({
      method,
      url: PATH,
      config: { scope: 'admin', ignoresUnknown: true },
      schema: { tags: ['log viewers'], summary },
      onRequest: takeKey,
      handler: async (request, reply) => {
        const recorder = recorderOf(context);
        const targets = await resolve(context, request);
        for (const target of targets) await change(recorder, method, target);
        return reply.code(200).send('');
      },
    });
  route('POST', 'Record channels');
  route('DELETE', 'Stop recording channels');
  app.route({
    method: ['GET', 'PUT', 'PATCH'],
    url: PATH,
    config: { scope: 'public', ignoresUnknown: true },
    schema: { hide: true },
    handler: async (_request, reply) => {
      reply.header('allow', 'POST, DELETE');
      throw new PeerError(405, 'Method not allowed');
    },
  });
}

/** Tokens are sent as `Authorization: Bearer`; these clients know only this header. */
async function takeKey({ headers }: FastifyRequest): Promise<void> {
  const key = headers['x-api-key'];
  if (typeof key === 'string' && headers.authorization === undefined) headers.authorization = `Bearer ${key}`;
}

function recorderOf({ recorder }: ApiContext): RecorderControl {
  if (recorder) return recorder;
  throw new PeerError(503, 'This process does not record; ask the one that does');
}

/** All of them before anything is changed. Throws 400. */
async function resolve(context: ApiContext, request: FastifyRequest): Promise<Target[]> {
  const body = bodySchema.safeParse(parseJson(request.body));
  if (!body.success)
    throw invalidParam('the body should be JSON like {"channels":["22484632"]}, with ids of channels');
  return ask(context, request, async (session) => {
    const targets: Target[] = [];
    for (const id of new Set(body.data.channels)) {
      const known = await channelById(session, id);
      const name = known ? undefined : twitchChannelName(id);
      if (known) targets.push({ platform: known.platform, name: known.name });
      else if (name && 'name' in name && !/^\d+$/.test(id))
        targets.push({ platform: 'twitch', name: name.name });
      else
        throw invalidParam(
          `the channel with the id ${JSON.stringify(id)} was never recorded here, so that its name is not known; name it by its login`,
        );
    }
    return targets;
  });
}

function parseJson(body: unknown): unknown {
  if (typeof body !== 'string') return body;
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** What is so already stays so. */
async function change(
  recorder: RecorderControl,
  method: 'POST' | 'DELETE',
  { platform, name }: Target,
): Promise<void> {
  const isThere = recorder
    .channelStates()
    .some((state) => state.platform === platform && state.channel === name);
  if (isThere === (method === 'POST')) return;
  try {
    if (method === 'POST') await recorder.addChannel(platform, name);
    else await recorder.removeChannel(platform, name);
  } catch (error) {
    if (error instanceof ChatlogError) throw invalidParam(error.message);
    throw error;
  }
}
