import { describe, expect, it } from 'vitest';
import { prettyLine } from './pretty-line.ts';

/** In local time, as a terminal shows it. */
const TIME = new Date(2026, 10, 21, 15, 4, 5).toISOString();
const pretty = (fields: object, msg: string) =>
  prettyLine({ level: 'info', time: TIME, ...fields, msg }, false);

describe('a log line on a terminal', () => {
  it('has the date, the level, the sentence, and what that does not say', () => {
    expect(pretty({ url: 'http://h:1', pid: 7 }, 'listening on http://h:1')).toBe(
      '2026-11-21 15:04:05 INFO  listening on http://h:1 pid=7',
    );
  });

  it.each([
    [{ files: 1 }, 'closed 10 files', 'files=1'],
    [{ waitMs: 5 }, 'waiting 0.5 s', 'waitMs=5'],
    [{ file: 'a.jsonl' }, 'cannot read a.jsonl.zst', 'file=a.jsonl'],
    [{ reason: 'no such host' }, 'connection lost', 'reason="no such host"'],
    [{ keys: ['a', 'b'] }, 'changed', 'keys="a, b"'],
    [{ range: { from: 1, to: [] } }, 'filled', String.raw`range="{\"from\":1}"`],
  ])('shows %j beside %j', (fields, message, shown) => {
    expect(pretty(fields, message)).toMatch(/INFO {2}/);
    expect(pretty(fields, message).split(`${message} `)[1]).toBe(shown);
  });

  it.each([
    [{ a: undefined, b: null, c: '', d: [], e: {}, f: { g: [] } }, 'nothing to add'],
    [{ file: 'a.jsonl', files: 2 }, 'cannot read a.jsonl. It was one of 2'],
    [{ keys: ['a.b', 'c'] }, 'these need a restart: a.b, c'],
  ])('leaves out %j beside %j', (fields, message) => {
    expect(pretty(fields, message).endsWith(`INFO  ${message}`)).toBe(true);
  });

  it('stays on one line, also with an error', () => {
    const cause = { type: 'Error', message: 'reset', code: 'ECONNRESET', stack: 'x\n  at y' };
    const err = {
      type: 'ChatlogError',
      message: 'no\nluck',
      code: 'failed',
      hint: 'wait',
      stack: 'a\nb',
      cause,
    };
    const line = pretty({ err }, 'upload failed');
    expect(line).not.toContain('\n');
    expect(line).toContain(String.raw`err="no\nluck (failed); wait; because: reset (ECONNRESET)"`);
  });

  it('ends every colour on its line, and lets no other escape through', () => {
    const line = prettyLine({ level: 'error', time: TIME, nick: '\u001b[31m', msg: 'bad \u001b[32m' }, true);
    const escapes = [...line.matchAll(/\u001b\[(\d+)m/g)].map(([, code]) => code);
    expect(escapes).toEqual(['2', '22', '31', '39', '2', '22']);
    expect(line.endsWith('\u001b[22m')).toBe(true);
  });
});
