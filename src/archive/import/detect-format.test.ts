import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { imported } from '../../../test/support/imported.ts';
import { FORMATS } from './detect-format.ts';

describe('of anything', () => {
  const pieces = [
    ...[
      '[13:00:05] ',
      '[2019-09-15 13:00:05] ',
      '[2019-09-15 13:00:05 UTC] ',
      '2019-09-15 13:00:05\t',
      '13:00 ',
    ],
    ...[
      '[Sun Sep 15 2019 13:00:05] ',
      '[2019-09-15T13:00:05.123Z] ',
      '# Start logging at 2019-09-15 1',
      '*** Joins: ',
    ],
    ...[
      '# Log started: 2019-09-15 12:59:58 +0200',
      '--- Log opened Sun Sep 15 12:59:58 2019',
      '-!- ',
      '-->\t',
      '<--\t',
    ],
    ...[
      'BAN: ann (',
      'DELETED: ',
      '[mod] ann ',
      ' has kicked ',
      ' was kicked from ',
      '(a@h)',
      ' has quit',
      ' [',
      ')',
    ],
    ...[
      '<ann> ',
      'ann: ',
      ' * ',
      'text',
      '"',
      '{',
      '}',
      ':',
      ',',
      '\\',
      '\t',
      '\n',
      '\r\n',
      '\ud83d\udc4d',
      '\0',
      '@a=b;tmi-sent-ts=1568552405123 ',
    ],
    ...[':a!b@c PRIVMSG #x :', '"comments":[', '"messages":[', '"created_at":"2022-01-02T03:04:05Z"', 'é'],
  ];
  const text = fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((parts) => parts.join(''));
  const content = fc.oneof(
    text.map((value) => Buffer.from(value)),
    text.map((value) => Buffer.from(value, 'latin1')),
    fc.uint8Array().map((value) => Buffer.from(value)),
  );
  const stated = { zone: 'Europe/Berlin', platform: 'irc-x', channel: 'c', dayMs: Date.UTC(2019, 8, 15) };

  it.each(FORMATS.filter(({ name }) => name !== 'thelounge').map((format) => [format.name, format] as const))(
    '%s makes valid events and rejects, and nothing is lost in silence',
    async (_, format) => {
      await fc.assert(
        fc.asyncProperty(content, async (bytes) => {
          const { events, rejects } = await imported(bytes, { ...stated, format });
          for (const { text: original } of rejects)
            expect(original.length).toBeLessThanOrEqual(bytes.length * 3);
          expect(events.every(({ source }) => source === 'import' || format.name === 'chatlog')).toBe(true);
        }),
        { numRuns: 100 },
      );
    },
  );
});

it('says which formats there are where it is none of them', async () => {
  await expect(imported('hello\nworld\n')).rejects.toMatchObject({
    code: 'import_format_unknown',
    hint: expect.stringContaining('chatlog, irc-raw, twitchdownloader'),
  });
});

it('asks where it could be several', async () => {
  const log =
    '[13:00:05] <ann>: hi\n[13:00:06] *** ann sets mode: +o bob\n# Log started: 2019-09-15 12:59:58 +0200\n';
  await expect(imported(log, { path: '2019-09-15.log' })).rejects.toThrow('could be chatty or znc');
});
