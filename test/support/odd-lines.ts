/** Lines of an archive that hardly anybody wrote: none of ours, damaged, or with members of other types than ours. */
import fc, { type Arbitrary } from 'fast-check';
import { parseTwitchLine } from '../../src/connectors/twitch/twitch-line.ts';
import { twitchLine } from './arbitrary-lines.ts';

/** A line as the recorder writes it, of anything that Twitch may send. */
export const recordedLine: Arbitrary<string> = fc
  .tuple(
    twitchLine(),
    fc.date({ min: new Date('1995-01-01'), max: new Date('2200-01-01'), noInvalidDate: true }),
  )
  .map(([line, date]) => JSON.stringify(parseTwitchLine(line, date.getTime()).event));

/** Any bytes without a line end, or JSON that is no event, or an event of which some members are something else. */
export const oddLine: Arbitrary<Buffer> = fc.oneof(
  fc.uint8Array().map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0x0a))),
  fc.json().map((text) => Buffer.from(text)),
  fc
    .tuple(recordedLine, fc.dictionary(memberName(), fc.jsonValue()))
    .map(([line, members]) => Buffer.from(JSON.stringify({ ...JSON.parse(line), ...members }))),
  recordedLine.map((line) => Buffer.from(line.replaceAll('":', '": '))),
);

function memberName(): Arbitrary<string> {
  return fc.oneof(
    fc.constantFrom(
      'timestamp',
      'type',
      'message',
      'username',
      'badges',
      'tags',
      'emotes',
      'received_at',
      'action',
    ),
    fc.constantFrom(
      'duration_seconds',
      'gap',
      'reply_to',
      'target',
      'id',
      'raw',
      'extra',
      'line',
      '__proto__',
      'a,b',
      '',
    ),
    fc.string({ unit: 'binary' }),
  );
}
