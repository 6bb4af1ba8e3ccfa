/**
 * Three channels of different retention with a pipeline of every kind of effect, and what must be there in the end
 * however often maintenance was broken off on the way: each output once, nothing gone before it.
 */
import { appendFile, readFile } from 'node:fs/promises';
import { zstdDecompressSync } from 'node:zlib';
import { expect } from 'vitest';
import type { ChatEvent } from '../../src/event.ts';
import type { Database } from '../../src/index/database/database.ts';
import { DAY_MS } from '../../src/index/retention/due-ranges.ts';
import { dayOfChat, type RetentionWorld } from './retention-world.ts';
import { collect } from './segments.ts';

export const HISTORY_NOW = Date.parse('2026-11-21T04:10:00Z');
const TODAY = Date.parse('2026-11-21T00:00:00Z');
const AGES = [52, 51, 5, 2];
const PER_DAY = 7;
const KEPT_WORD = 'treasure';

/** Which days of which channel are due: ages in days. */
const DUE: Record<string, number[]> = { short: [52, 51, 5], long: [52, 51], ever: [] };

export function historyConfig(directory: string): object {
  return {
    defaults: { pipelines: ['all'] },
    twitch: {
      channels: [
        { name: 'short', retention_days: 3 },
        { name: 'long', retention_days: 40 },
        { name: 'ever', retention_days: 'forever' },
      ],
    },
    pipelines: {
      all: [
        { step: 'user_activity' },
        { step: 'user_scores', message: 1 },
        { step: 'keep', words: [KEPT_WORD] },
        { step: 'export' },
        {
          step: 'command',
          argv: ['/bin/sh', '-c', `cat > /dev/null; echo "$CHATLOG_KEY" >> ${directory}/commands`],
        },
        {
          step: 'sql',
          statement:
            'INSERT INTO own_counts SELECT $1, $2, count(*) FROM messages WHERE channel_id = $1 AND ts >= $2 AND ts < $3',
        },
        { step: 'channel_summary' },
      ],
    },
    maintenance: {
      attempts_max: 1_000,
      delete_batch: 5,
      backoff: { min_seconds: 0.001, max_seconds: 0.001 },
    },
  };
}

/** All of it loaded while it was young. */
export async function recordHistory(world: RetentionWorld): Promise<ChatEvent[]> {
  await appendFile(world.directory.join('commands'), '');
  await world.database.session((session) =>
    session.exec('CREATE TABLE own_counts (channel_id int, from_ts timestamptz, messages bigint)'),
  );
  const events: ChatEvent[] = [];
  for (const age of AGES) {
    const dayMs = TODAY - age * DAY_MS;
    const said = Object.keys(DUE).flatMap((channel) =>
      dayOfChat(channel, dayMs, PER_DAY, (index) => (index === 3 ? { message: `a ${KEPT_WORD}` } : {})),
    );
    world.nowMs = dayMs + DAY_MS;
    await world.record(said);
    events.push(...said);
  }
  world.nowMs = HISTORY_NOW;
  return events;
}

/** At any time: of a day of which anything is gone, every pipeline is done, and its object is there. */
export async function expectNothingEarly({ database, store }: RetentionWorld): Promise<void> {
  const days = await ask(
    database,
    `SELECT c.name, d.age, (SELECT count(*) FROM messages m WHERE m.channel_id = c.id AND m.ts >= d.day AND m.ts < d.day + interval '24 hours') AS messages,
       (SELECT state FROM pipeline_runs r WHERE r.channel_id = c.id AND r.day = (d.day AT TIME ZONE 'UTC')::date AND pipeline = 'all') AS state
     FROM channels c CROSS JOIN (SELECT age, '2026-11-21T00:00:00Z'::timestamptz - age * interval '24 hours' AS day FROM unnest(ARRAY[${AGES}]) age) d`,
  );
  for (const { name, age, messages, state } of days) {
    if (messages === PER_DAY) continue;
    expect({ name, age, state }).toEqual({ name, age, state: 'done' });
    expect(DUE[name as string]).toContain(age);
    expect(
      await store.head(exportOf(name as string, age as number), AbortSignal.timeout(5_000)),
    ).toBeDefined();
  }
}

/** After a maintenance that came to its end. */
export async function expectAllOnce(world: RetentionWorld, events: readonly ChatEvent[]): Promise<void> {
  const { database, store, directory } = world;
  const due = Object.entries(DUE).flatMap(([channel, ages]) => ages.map((age) => ({ channel, age })));
  const [left] = await ask(database, 'SELECT count(*) AS n FROM messages');
  expect(left?.n).toBe((3 * AGES.length - due.length) * PER_DAY);
  expect(
    await ask(database, "SELECT count(*) AS n FROM pipeline_runs WHERE state = 'done' AND steps_done = 7"),
  ).toEqual([{ n: due.length }]);
  expect(await ask(database, 'SELECT sum(score) AS score, sum(days) AS days FROM user_scores')).toEqual([
    { score: due.length * PER_DAY, days: due.length * 5 },
  ]);
  expect(
    await ask(database, 'SELECT sum(messages)::int AS n, count(*) AS rows FROM kept_user_activity'),
  ).toEqual([{ n: due.length * PER_DAY, rows: due.length * 5 }]);
  expect(await ask(database, 'SELECT count(*) AS n FROM kept_messages')).toEqual([{ n: due.length }]);
  expect(await ask(database, 'SELECT count(*) AS n FROM kept_channel_summaries')).toEqual([
    { n: due.length },
  ]);
  expect(await ask(database, 'SELECT messages FROM own_counts')).toEqual(
    due.map(() => ({ messages: PER_DAY })),
  );
  const keys = (await readFile(directory.join('commands'), 'utf8')).trim().split('\n');
  // A program is run again where its end was not noted, under the same key.
  expect(new Set(keys).size).toBe(due.length);
  for (const { channel, age } of due) {
    const dayMs = TODAY - age * DAY_MS;
    const object = await collect(store.get(exportOf(channel, age), AbortSignal.timeout(5_000)));
    const lines = events.filter(
      (event) =>
        event.channel === channel && Math.floor(Date.parse(event.timestamp) / DAY_MS) * DAY_MS === dayMs,
    );
    expect(zstdDecompressSync(object).toString()).toBe(
      lines.map((event) => `${JSON.stringify(event)}\n`).join(''),
    );
  }
  const exported = [];
  for await (const { key } of store.list('exports/', AbortSignal.timeout(5_000))) exported.push(key);
  expect(exported).toHaveLength(due.length);
}

function exportOf(channel: string, age: number): string {
  const day = new Date(TODAY - age * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '/');
  return `exports/all/${day}/twitch/${channel}.jsonl.zst`;
}

async function ask(database: Database, sql: string): Promise<Record<string, unknown>[]> {
  return database.transaction(async (session) => (await session.query(sql)).rows);
}
