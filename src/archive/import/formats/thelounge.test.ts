import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { brief, imported } from '../../../../test/support/imported.ts';
import { tempDir } from '../../../../test/support/temp-dir.ts';
import { detectFormat } from '../detect-format.ts';
import type { ImportSettings } from '../import-format.ts';
import { LocalZone } from '../local-zone.ts';
import { openSource } from '../read-source.ts';

const TEXT = `[2019-09-15T13:00:01.123Z] *** ann (~ann@host.example) joined
[2019-09-15T13:00:05.001Z] <@ann> hello [there]
[2019-09-15T13:00:06.000Z] * ann waves
[2019-09-15T13:00:07.000Z] -bob- a notice
[2019-09-15T13:00:08.000Z] *** ann set mode +o bob
[2019-09-15T13:00:09.000Z] *** bob changed nick to rob
[2019-09-15T13:00:10.000Z] *** rob was kicked by ann (out)
[2019-09-15T13:00:11.000Z] *** ann changed topic to 'new'
[2019-09-15T13:00:12.000Z] *** cat (c@h) left (undefined)
[2019-09-15T13:00:13.000Z] *** dan (d@h) quit (gone)
[2019-09-15T13:00:14.000Z] *** ann changed host to 'a@new'
`;

it('reads the text logs of The Lounge', async () => {
  const path = 'logs/me/Libera.Chat-11ce-4e1b-a1b2-0123456789ab/#c.log';
  const { format, events, rejects } = await imported(TEXT, { path });
  expect([format, rejects]).toEqual(['thelounge-text', []]);
  expect(events[0]).toMatchObject({ platform: 'irc-libera.chat', channel: '#c' });
  expect(
    events.map(({ type = 'message', username, message, target }) => [type, username, message, target]),
  ).toEqual([
    ['join', 'ann', '', undefined],
    ['message', 'ann', 'hello [there]', undefined],
    ['message', 'ann', 'waves', undefined],
    ['notice', 'bob', 'a notice', undefined],
    ['room', 'ann', '+o bob', undefined],
    ['presence', 'bob', '', 'rob'],
    ['timeout', 'ann', '', 'rob'],
    ['room', 'ann', 'new', undefined],
    ['part', 'cat', '', undefined],
    ['part', 'dan', 'gone', undefined],
    ['status', '', '', undefined],
  ]);
  expect(events[1]?.timestamp).toBe('2019-09-15T13:00:05.001Z');
});

const ROWS: [network: string, channel: string, time: number, type: string, msg: unknown][] = [
  ['uuid-1', '#c', 1568552401123, 'join', { from: { nick: 'ann', mode: '' }, hostmask: 'a@h' }],
  [
    'uuid-1',
    '#c',
    1568552405001,
    'message',
    { from: { nick: 'ann', mode: '@' }, text: 'hello 日本', self: true },
  ],
  ['uuid-1', '#c', 1568552405001, 'action', { from: { nick: 'bob', mode: '' }, text: 'waves' }],
  ['uuid-1', '#c', 1568552406000, 'kick', { from: { nick: 'ann' }, target: { nick: 'bob' }, text: 'out' }],
  ['uuid-1', '#c', 1568552407000, 'nick', { from: { nick: 'bob' }, new_nick: 'rob' }],
  ['uuid-1', '#c', 1568552408000, 'mode', { from: { nick: 'ann' }, text: '+b *!*@x' }],
  ['uuid-1', '#c', 1568552409000, 'topic', { from: { nick: 'ann' }, text: 'new' }],
  ['uuid-1', '#c', 1568552410000, 'quit', { from: { nick: 'dan' }, hostmask: 'd@h', text: 'gone' }],
  ['uuid-1', 'bob', 1568552411000, 'message', { from: { nick: 'bob' }, text: 'in private' }],
  ['uuid-1', '#c', 1568552412000, 'whois', { whois: {} }],
  ['uuid-1', '#c', 1568552413000, 'message', 'no JSON object'],
];

async function database(rows: typeof ROWS, settings: ImportSettings, user?: object) {
  await using directory = await tempDir('lounge');
  for (const name of ['logs', 'users']) await mkdir(directory.join(name));
  if (user) await writeFile(directory.join('users', 'me.json'), JSON.stringify(user));
  const path = directory.join('logs', 'me.sqlite3');
  const db = new DatabaseSync(path);
  db.exec('CREATE TABLE options (name TEXT, value TEXT, CONSTRAINT name_unique UNIQUE (name))');
  db.exec('CREATE TABLE messages (network TEXT, channel TEXT, time INTEGER, type TEXT, msg TEXT)');
  db.exec('CREATE INDEX network_channel ON messages (network, channel)');
  const insert = db.prepare('INSERT INTO messages VALUES (?, ?, ?, ?, ?)');
  for (const [network, channel, time, type, msg] of rows)
    insert.run(network, channel, time, type, typeof msg === 'string' ? msg : JSON.stringify(msg));
  db.close();
  const before = await readFile(path);
  await using source = await openSource(path, settings);
  const { format } = detectFormat(source.info);
  const readings = [];
  for await (const record of source.records(await format.open(source.info), new AbortController().signal))
    readings.push(...record.readings);
  expect(Buffer.compare(await readFile(path), before)).toBe(0);
  return { format: format.name, readings };
}

it('reads the databases of The Lounge, with the names of networks from beside them', async () => {
  const { format, readings } = await database(ROWS, {}, { networks: [{ uuid: 'uuid-1', name: 'Libera' }] });
  expect(format).toBe('thelounge');
  expect(
    readings.map((reading) => ('reject' in reading ? reading.reject : brief(reading.event))),
  ).toMatchObject([
    { timestamp: '2019-09-15T13:00:01.123Z', type: 'join', prefix: 'ann!a@h' },
    { message: 'hello 日本', direction: 'outgoing', tags: { status: '@' } },
    { username: 'bob', message: 'waves', action: true },
    { type: 'timeout', target: 'bob', reason: 'out' },
    { type: 'presence', target: 'rob' },
    { type: 'ban', target: '*!*@x' },
    { type: 'room', message: 'new' },
    { type: 'part', message: 'gone' },
    { type: 'private', message: 'in private' },
    { type: 'raw', raw: expect.stringContaining('"type":"whois"') },
    'its message is no JSON object',
  ]);
  const [first] = readings;
  expect(first && 'event' in first && first.event).toMatchObject({ platform: 'irc-libera', channel: '#c' });
});

it('asks for the name of a network that is not told, and does not mix several', async () => {
  await expect(database(ROWS, {})).rejects.toMatchObject({ code: 'import_platform_unknown' });
  const two = [...ROWS, ['uuid-2', '#c', 1, 'message', {}] as (typeof ROWS)[number]];
  await expect(database(two, { platform: 'irc-x' })).rejects.toMatchObject({
    code: 'import_platform_unknown',
  });
  const { readings } = await database(ROWS, { platform: 'irc-x', zone: LocalZone.of('UTC')! });
  expect(readings).toHaveLength(ROWS.length);
});
