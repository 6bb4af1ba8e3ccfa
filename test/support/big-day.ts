/** A channel day of any number of messages, made by the database itself of one that was loaded. */
import type { Database } from '../../src/index/database/database.ts';
import { loadEvents, twitchEvent } from './log-events.ts';
import { FOREVER } from './log-viewer-app.ts';

export const BIG_CHANNEL = 'bigchannel';
/** 15 September 2019. */
export const BIG_DAY = '/2019/9/15';

const TEXT = 'what a day, what a day, what a day, what a day';
const LINE = `@badge-info=;badges=;color=;display-name=Ann;emotes=;flags=;id=00000000-0000-4000-8000-000000000001;mod=0;room-id=9;subscriber=0;tmi-sent-ts=${Date.UTC(2019, 8, 15)};turbo=0;user-id=777;user-type= :ann!ann@ann.tmi.twitch.tv PRIVMSG #${BIG_CHANNEL} :${TEXT}`;

export async function makeBigDay(database: Database, messages: number): Promise<void> {
  await loadEvents(database, [twitchEvent(LINE)], { config: FOREVER });
  await database.transaction(async ({ query }) => {
    const { rows } = await query(
      `SELECT string_agg(quote_ident(column_name), ', ') AS names FROM information_schema.columns
       WHERE table_name = 'messages' AND column_name NOT IN ('ts', 'key')`,
    );
    await query(
      `INSERT INTO messages (ts, key, ${rows[0]!.names})
       SELECT ts + n * interval '1 ms' * floor(86000000 / $1::int), md5(n::text)::uuid, ${rows[0]!.names}
       FROM messages, generate_series(1, $1::int - 1) n`,
      [messages],
    );
  });
  await database.session(({ query }) => query('ANALYZE messages'));
}
