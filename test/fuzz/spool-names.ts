/** Files with any name and any content in a spool: recovery goes through them all, and loses no byte of a foreign one. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { recoverSegments, takeLeftovers } from '../../src/recording/recover-segments.ts';
import { objectKey, parseSegmentFile, segmentFile } from '../../src/segment-name.ts';
import { openSpool } from '../../src/spool.ts';
import { silentLog } from '../support/recorder-fixture.ts';
import { HOSTILE_NAMES, holds, isInside } from './names.ts';
import type { FuzzProperty } from './property.ts';

const never = new AbortController().signal;

/** Mostly a segment's name; each part may be what it must not be. */
const almostOurs = fc
  .tuple(
    fc.constantFrom('twitch', 'twitch', 'irc-libera', '%5F', 'Twitch', ''),
    fc.constantFrom('_', '_', '_', '-', ''),
    fc.constantFrom('x', 'a_b', '%2E', '%%', '%00', '..', `${'y'.repeat(86)}%%${'0'.repeat(32)}`, 'é', '%2e'),
    fc.constantFrom('_20261121', '_20261121', '_20000229', '_20010229', '_99999999', '_00000101', '_2026'),
    fc.constantFrom('_1300', '_1300', '_2359', '_2400', '_0060', '_', ''),
    fc.constantFrom('', '', '-2', '-r2-1f9a03c4', '--', '-A', '-../x'),
    fc.constantFrom('.jsonl', '.jsonl.gz', '.jsonl.zst', '.jsonl.', '.jsonl.gz.zst', '.JSONL', ''),
  )
  .map((parts) => parts.join(''));
const fileName = fc.oneof(
  { weight: 4, arbitrary: almostOurs },
  { weight: 1, arbitrary: fc.constantFrom(...HOSTILE_NAMES) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
);

export const segmentNames: FuzzProperty = {
  name: 'file names: what is taken for a segment is one, and its key is safe',
  suiteRuns: 20_000,
  async check(options) {
    let segments = 0;
    fc.assert(
      fc.property(fileName, (file) => {
        const parsed = parseSegmentFile(file);
        holds((objectKey(file) === undefined) === (parsed === undefined), 'only segments have keys');
        if (!parsed) return;
        segments++;
        holds(segmentFile(parsed, parsed.compression) === file, 'its parts make the same name');
        isInside(objectKey(file)!);
      }),
      options,
    );
    holds(segments > 0, 'some of them are segments');
    return `${options.numRuns} names, ${segments} of segments`;
  },
};

const GOOD =
  '{"timestamp":"2026-11-21T13:00:00.000Z","channel":"x","username":"","user_id":"","message":"m","platform":"twitch"}';
const content = fc.oneof(
  fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  fc
    .array(fc.constantFrom(GOOD, GOOD, '{}', 'null', '[]', '{"timestamp":1}', '\0\0', '\xff', '"'), {
      maxLength: 6,
    })
    .map((lines) => Buffer.from(lines.join('\n'))),
  fc.nat({ max: 2_000_000 }).map((bytes) => Buffer.alloc(bytes)),
);
const planted = fc.dictionary(
  fc.oneof(
    fileName,
    fc.constantFrom(
      'twitch_x_20261121_1300.jsonl',
      'twitch_x_20261121_1301.jsonl',
      'twitch_x_20261121_1300-2.jsonl',
    ),
  ),
  content,
  { maxKeys: 6 },
);

export const leftovers: FuzzProperty = {
  name: 'leftovers: every whole line and every foreign file is still there after recovery',
  suiteRuns: 40,
  async check(options) {
    let files = 0;
    await fc.assert(
      fc.asyncProperty(planted, planted, async (inOpen, inRecovered) => {
        const root = await mkdtemp(join(process.env.CHATLOG_TEST_TMP ?? tmpdir(), 'leftovers-'));
        try {
          const spool = await openSpool(root);
          const all: [string, Buffer][] = [];
          for (const [directory, contents] of [
            ['open', inOpen],
            ['recovered', inRecovered],
          ] as const) {
            for (const [file, bytes] of Object.entries(contents)) {
              const isName = file !== '' && file !== '.' && file !== '..' && !/[/\0]/.test(file);
              if (!isName || Buffer.byteLength(file) > 200) continue;
              await writeFile(spool.path(directory, file), bytes);
              all.push([file, bytes]);
            }
          }
          files += all.length;
          const names = await takeLeftovers(spool);
          await recoverSegments(names, { spool, log: silentLog, onSealed: () => {} }, never);
          const [open, recovered] = await Promise.all([
            readdir(spool.path('open')),
            readdir(spool.path('recovered')),
          ]);
          holds(open.length + recovered.length === 0, 'everything was looked at');
          const quarantined = await contents(spool.path('quarantine'));
          const sealed = await contents(spool.path('sealed'));
          const isOurs = (file: string) => parseSegmentFile(file)?.compression === 'none';
          for (const [file, bytes] of all) {
            holds(
              isOurs(file) || quarantined.some((kept) => kept.equals(bytes)),
              `${JSON.stringify(file)} is kept`,
            );
          }
          const wanted = all.flatMap(([file, bytes]) => (isOurs(file) ? wholeLines(bytes) : [])).sort();
          holds(
            sealed.flatMap(wholeLines).sort().join() === wanted.join(),
            'every whole line is sealed once',
          );
          holds(
            sealed.every((bytes) => bytes.at(-1) === 0x0a),
            'no sealed file is torn',
          );
        } finally {
          await rm(root, { recursive: true, force: true });
        }
      }),
      options,
    );
    return `${files} files`;
  },
};

async function contents(directory: string): Promise<Buffer[]> {
  return Promise.all((await readdir(directory)).map((file) => readFile(join(directory, file))));
}

/** Lines of ours that have their end. */
function wholeLines(bytes: Buffer): string[] {
  return bytes
    .toString('latin1')
    .split('\n')
    .slice(0, -1)
    .filter((line) => line === GOOD);
}
