/** The log viewers' API over the embedded database, which has one connection for everything. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../../test/support/databases.ts';
import { loadEvents, twitchEvent } from '../../../test/support/log-events.ts';
import { FOREVER, logViewerApp } from '../../../test/support/log-viewer-app.ts';
import { CHANNEL, CHANNEL_ID, LOG_LINES, USER } from '../../../test/support/log-viewer-fixture.ts';
import type { PeerMessage } from './peer-message.ts';

describe('over PGlite', () => {
  it('each kind of question has its answer, also many at a time', async () => {
    await using database = await openDatabase('PGlite');
    const lines = LOG_LINES.filter(
      ({ channel, userId }, index) => channel === CHANNEL && (index % 60 === 0 || userId === USER.id),
    );
    await loadEvents(
      database,
      lines.map(({ line }) => twitchEvent(line)),
      { config: FOREVER },
    );
    const app = await logViewerApp({ database });
    onTestFinished(() => app.close());
    const day = lines.filter(({ timeMs }) => new Date(timeMs).toISOString().startsWith('2019-09-15'));
    const raw = (url: string) => app.inject(url).then(({ body }) => body.split('\r\n').slice(0, -1));
    const [whole, newest, json, month, list, stats, found, drawn, names] = await Promise.all([
      raw(`/channel/${CHANNEL}/2019/9/15?raw`),
      raw(`/channelid/${CHANNEL_ID}/2019/9/15?raw&reverse&limit=5`),
      app.inject(`/channel/${CHANNEL}/2019/9/15?json`),
      raw(`/channel/${CHANNEL}/user/${USER.login}/2019/9?raw`),
      app.inject(`/list?channel=${CHANNEL}`),
      app.inject(`/channel/${CHANNEL}/stats?from=2019-09-15T00:02:00Z&to=2019-12-31T00:00:00Z`),
      raw(`/channel/${CHANNEL}/user/${USER.login}/search?q=devil&raw`),
      raw(`/channel/${CHANNEL}/random?raw`),
      app.inject(`/namehistory/${USER.id}`),
    ]);
    expect(whole.toSorted()).toEqual(day.map(({ line }) => line).sort());
    expect(newest).toEqual(whole.toReversed().slice(0, 5));
    expect(json.json<{ messages: PeerMessage[] }>().messages.map((message) => message.raw)).toEqual(whole);
    const theirs = lines.filter(
      ({ userId, timeMs }) => userId === USER.id && new Date(timeMs).toISOString().startsWith('2019-09'),
    );
    expect(month.toSorted()).toEqual(theirs.map(({ line }) => line).sort());
    expect(list.json<{ availableLogs: unknown[] }>().availableLogs.length).toBeGreaterThan(3);
    const counted = lines.filter(
      ({ command, timeMs }) =>
        command === 'PRIVMSG' && timeMs >= Date.UTC(2019, 8, 15, 0, 2) && timeMs < Date.UTC(2019, 11, 31),
    );
    expect(stats.json()).toMatchObject({ messageCount: counted.length });
    expect(found.length).toBeGreaterThan(0);
    expect(lines.map(({ line }) => line)).toContain(drawn[0]);
    expect(names.json<unknown[]>()).toHaveLength(2);
  }, 120_000);
});
