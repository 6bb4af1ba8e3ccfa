import { zstdCompressSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { imported } from '../../../../test/support/imported.ts';
import { readLine } from './chatlog.ts';

const LINE =
  '{"timestamp":"2019-09-15T13:00:05.123Z","channel":"xqc","username":"ann","user_id":"7","message":"hé","platform":"twitch","id":"a","received_at":"2019-09-15T13:00:05.200Z"}';

it('keeps lines byte for byte, also those of a later version', async () => {
  const odd = LINE.replace('{', '{ "new" : [1, 2],');
  const readings = [LINE, odd].flatMap((text) => readLine({ text }));
  expect(readings).toMatchObject([{ kept: LINE }, { kept: odd }]);
  const { format, events } = await imported(zstdCompressSync(`${LINE}\n${LINE}\n`), { path: 'x.jsonl.zst' });
  expect(format).toBe('chatlog');
  expect(events.map((event) => JSON.stringify(event))).toEqual([LINE, LINE]);
});

it.each([
  ['no JSON', '{"timestamp"'],
  ['no line of Chatlog: message: Invalid input: expected string, received number', LINE.replace('"hé"', '5')],
  ['no line of Chatlog: there is no such time', LINE.replace('2019-09-15', '2019-13-45')],
  ['no line of Chatlog: timestamp: should be RFC 3339 UTC with milliseconds', LINE.replace('.123Z', 'Z')],
])('rejects what is none: %s', (reject, text) => {
  expect(readLine({ text })).toEqual([{ reject }]);
});
