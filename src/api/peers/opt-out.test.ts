/** People and channels that opted out are served by no route of the log viewers' API. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type TestDatabase } from '../../../test/support/databases.ts';
import { loadEvents } from '../../../test/support/log-events.ts';
import { FOREVER, logViewerApp } from '../../../test/support/log-viewer-app.ts';
import {
  CHANNEL,
  CHANNEL_ID,
  logEvents,
  OTHER_CHANNEL,
  OTHER_CHANNEL_ID,
  USER,
} from '../../../test/support/log-viewer-fixture.ts';
import { OPEN_GATE, type PrivacyGate } from '../../privacy/privacy-gate.ts';
import type { ApiApp } from '../api-context.ts';
import type { PeerMessage } from './peer-message.ts';

const PRIVACY: PrivacyGate = {
  ...OPEN_GATE,
  isEmpty: false,
  isUserOptedOut: (platform, key) => platform === 'twitch' && key === USER.id,
  isChannelOptedOut: (platform, channel) => platform === 'twitch' && channel === OTHER_CHANNEL,
};

let database: TestDatabase;
let app: ApiApp;

beforeAll(async () => {
  database = await openDatabase('PostgreSQL 15');
  // Loaded before they asked.
  await loadEvents(database, logEvents(), { config: FOREVER });
  app = await logViewerApp({ database, overrides: { privacy: PRIVACY } });
});

afterAll(async () => {
  await app.close();
  await database[Symbol.asyncDispose]();
});

const CHANNEL_REFUSED = 'The requested channel has opted out of being logged';
const USER_REFUSED = 'The requested user has opted out of being logged';

describe('a channel that opted out', () => {
  it.each([
    `/channel/${OTHER_CHANNEL}`,
    `/channelid/${OTHER_CHANNEL_ID}`,
    `/channel/${OTHER_CHANNEL}/2019/9/15`,
    `/channel/${OTHER_CHANNEL}?from=1568505600&to=1568505700`,
    `/channel/${OTHER_CHANNEL}/random`,
    `/channel/${OTHER_CHANNEL}/stats`,
    `/channel/${OTHER_CHANNEL}/user/ann`,
    `/channel/${OTHER_CHANNEL}/user/ann/2019/9`,
    `/channel/${OTHER_CHANNEL}/user/ann/random`,
    `/channel/${OTHER_CHANNEL}/user/ann/search?q=a`,
    `/channel/${OTHER_CHANNEL}/user/ann/stats`,
    `/list?channel=${OTHER_CHANNEL}`,
    `/list?channelid=${OTHER_CHANNEL_ID}`,
    `/list?channel=${OTHER_CHANNEL}&user=ann`,
  ])('is 403 at %s', async (url) => {
    const response = await app.inject(url);
    expect([response.statusCode, response.body]).toEqual([403, CHANNEL_REFUSED]);
    expect(response.headers['content-type']).toMatch(/^text\/plain/);
    expect(response.headers['access-control-allow-origin']).toBe('*');
  });

  it('is in no list', async () => {
    const { channels } = (await app.inject('/channels')).json<{ channels: { name: string }[] }>();
    expect(channels.map(({ name }) => name)).toContain(CHANNEL);
    expect(channels.map(({ name }) => name)).not.toContain(OTHER_CHANNEL);
  });
});

describe('a person who opted out', () => {
  it.each([
    `/channel/${CHANNEL}/user/${USER.login}`,
    `/channel/${CHANNEL}/user/${USER.laterLogin}/2019/9`,
    `/channelid/${CHANNEL_ID}/userid/${USER.id}/2019/9`,
    `/channel/${CHANNEL}/userid/${USER.id}?from=1568505600&to=1568505700`,
    `/channel/${CHANNEL}/user/${USER.login}/random`,
    `/channel/${CHANNEL}/user/${USER.login}/search?q=a`,
    `/channel/${CHANNEL}/user/${USER.login}/stats`,
    `/list?channel=${CHANNEL}&userid=${USER.id}`,
    `/list?channel=${CHANNEL}&user=${USER.login}`,
    `/namehistory/${USER.id}`,
  ])('is 403 at %s', async (url) => {
    const response = await app.inject(url);
    expect([response.statusCode, response.body]).toEqual([403, USER_REFUSED]);
  });

  it('is in nobody’s log, neither by what they said nor by what happened to them', async () => {
    const { messages } = (await app.inject(`/channel/${CHANNEL}/2019/9/15?json`)).json<{
      messages: PeerMessage[];
    }>();
    expect(messages.length).toBeGreaterThan(4_000);
    const theirs = messages.filter(
      ({ tags }) => tags['user-id'] === USER.id || tags['target-user-id'] === USER.id,
    );
    expect(theirs).toEqual([]);
  });

  it('does not shift what limit and offset count', async () => {
    const all = (await app.inject(`/channel/${CHANNEL}/2019/9/15?raw`)).body.split('\r\n');
    const page = (await app.inject(`/channel/${CHANNEL}/2019/9/15?raw&limit=20&offset=30`)).body.split(
      '\r\n',
    );
    expect(page).toEqual([...all.slice(30, 50), '']);
  });

  it('is not among those who wrote most', async () => {
    const { topChatters } = (await app.inject(`/channel/${CHANNEL}/stats`)).json<{
      topChatters: { userId: string }[];
    }>();
    expect(topChatters).toHaveLength(5);
    expect(topChatters.map(({ userId }) => userId)).not.toContain(USER.id);
  });

  it('is never drawn at random', async () => {
    for (let index = 0; index < 30; index++) {
      const { body, statusCode } = await app.inject(`/channel/${CHANNEL}/random?raw`);
      expect(statusCode).toBe(200);
      expect(body).not.toContain(`user-id=${USER.id};`);
    }
  });
});
