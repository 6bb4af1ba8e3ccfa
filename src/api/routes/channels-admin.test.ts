/** Which channel an admin means. */
import { expect, it, onTestFinished } from 'vitest';
import { apiContext } from '../../../test/support/api-context.ts';
import { configSchema } from '../../config/schema.ts';
import type { Database } from '../../index/database/database.ts';
import type { ApiApp } from '../api-context.ts';
import { createApiApp } from '../app.ts';
import { newToken } from '../tokens/token-store.ts';
import { registerChannelAdminRoutes } from './channels-admin.ts';

async function start() {
  const config = configSchema.parse({
    twitch: { channels: ['both', 'here'] },
    irc: { libera: { host: 'irc.example', nick: 'n', channels: ['#both', '#There'] } },
  });
  const done: string[] = [];
  const note = (verb: string) => async (platform: string, name: string) => {
    done.push(`${verb} ${platform} ${name}`);
  };
  const localToken = newToken();
  const context = {
    ...apiContext({ database: {} as Database }),
    config: () => config,
    localToken,
    recorder: {
      channelStates: () => [],
      addChannel: note('add'),
      removeChannel: note('remove'),
      setChannel: note('set'),
      rejoin: note('rejoin'),
    },
  };
  const app: ApiApp = await createApiApp(context);
  registerChannelAdminRoutes(app, context);
  onTestFinished(() => app.close());
  const headers = { authorization: `Bearer ${localToken}` };
  return {
    done,
    ask: async (method: 'DELETE' | 'POST' | 'PATCH', url: string, payload?: object) => {
      const answer = await app.inject({ method, url, headers, ...(payload && { payload }) });
      return { status: answer.statusCode, code: answer.json().error?.code };
    },
  };
}

it('takes the one channel of a name, on whatever platform it is', async () => {
  const { ask, done } = await start();
  expect(await ask('POST', '/api/channels/there/rejoin')).toMatchObject({ status: 202 });
  expect(await ask('PATCH', '/api/channels/HERE', { presence: true })).toMatchObject({ status: 200 });
  expect(await ask('DELETE', '/api/channels/%23there')).toMatchObject({ status: 200 });
  expect(done).toEqual(['rejoin irc-libera #There', 'set twitch here', 'remove irc-libera #There']);
});

it('asks which is meant where several platforms have one of the name', async () => {
  const { ask, done } = await start();
  expect(await ask('DELETE', '/api/channels/both')).toEqual({ status: 409, code: 'ambiguous_name' });
  expect(await ask('DELETE', '/api/channels/nowhere')).toEqual({ status: 404, code: 'not_found' });
  expect(await ask('DELETE', '/api/channels/here?platform=irc-libera')).toEqual({
    status: 404,
    code: 'not_found',
  });
  expect(done).toEqual([]);
  expect(await ask('DELETE', '/api/channels/both?platform=irc-libera')).toMatchObject({ status: 200 });
  expect(done).toEqual(['remove irc-libera #both']);
});
