/** Names that platforms and people can think of, on their way to file names, keys and paths. */
import { basename, relative, resolve, sep } from 'node:path';
import fc, { type Arbitrary } from 'fast-check';
import { checkConfigText } from '../../src/config/load-config.ts';
import { resolveChannels } from '../../src/config/resolve-channels.ts';
import { decodeName, encodeName, objectKey, parseSegmentFile, segmentFile } from '../../src/segment-name.ts';
import type { FuzzProperty } from './property.ts';

const ROOT = '/somewhere/archive';

export const HOSTILE_NAMES = [
  ...['', '.', '..', '...', '../..', '../../etc/passwd', '/', '/etc', '//', '\\', '..\\..', 'a/b', 'a/../b'],
  ...[
    '\0',
    'a\0b',
    '\n',
    'a\nb',
    '\r',
    '\t',
    ' ',
    ' a',
    'a ',
    '-',
    '--',
    '-rf',
    '~',
    '$HOME',
    '`id`',
    '$(id)',
  ],
  ...[
    'con',
    'CON',
    'nul',
    'aux.txt',
    'com1',
    'LPT9',
    'prn.',
    'a.',
    '.a',
    '.chatlog',
    'a:b',
    'C:',
    'a*b?',
    '<>|"',
  ],
  ...['%', '%%', '%2E', '%2e%2e%2f', '%00', '_', '__', 'a_20261121_1300', 'x.jsonl', 'x.jsonl.gz', '*'],
  ...[
    '\u{1f4a9}',
    '\u202e',
    '\ufeff',
    '\u200d',
    'é',
    'e\u0301',
    'ﬁ',
    'İ',
    'ß',
    'SS',
    'ſ',
    'K',
    '\ud800',
    '\udfff',
  ],
  ...['a'.repeat(200), 'ü'.repeat(200), `${'a'.repeat(119)}.`, `${'a'.repeat(120)}`, `${'a'.repeat(121)}`],
  ...['__proto__', 'constructor', 'toString', '#', '#a', '&a', 'undefined', 'null', 'NaN', '1e9'],
];

const name: Arbitrary<string> = fc.oneof(
  fc.constantFrom(...HOSTILE_NAMES),
  fc.string({ unit: 'binary', maxLength: 250 }),
  fc.string({ unit: fc.constantFrom(...'.%/_-aA0~\\\0', '..', '%2E', '.jsonl'), maxLength: 140 }),
  fc.tuple(fc.constantFrom(...HOSTILE_NAMES), fc.constantFrom(...HOSTILE_NAMES)).map((two) => two.join('')),
);
/** As the configuration lets networks be called. */
const platform: Arbitrary<string> = fc.oneof(
  fc.constant('twitch'),
  fc.stringMatching(/^[a-z0-9-]{1,32}$/).map((network) => `irc-${network}`),
);
const time = fc.integer({ min: Date.UTC(1990, 0, 1), max: Date.UTC(2999, 0, 1) });

export const names: FuzzProperty = {
  name: 'names: no file and no key leaves its root, and no two names share one',
  suiteRuns: 5_000,
  async check(options) {
    fc.assert(
      fc.property(platform, name, name, time, (on, channel, other, startMs) => {
        const suffix = `-${'f'.repeat(64)}`;
        const file = segmentFile(
          { platform: encodeName(on), channel: encodeName(channel), startMs, suffix },
          'zstd',
        );
        holds(basename(file) === file && /^[\w.%-]+$/.test(file), `a file name: ${file}`);
        holds(file.length <= 255, `short enough: ${file}`);
        const directory = objectKey(file)!.split('/').at(-2)!;
        const isReserved = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i.test(directory);
        holds(!isReserved && !directory.endsWith('.'), `Windows can have it: ${directory}`);
        const parsed = parseSegmentFile(file);
        holds(parsed !== undefined, `our own: ${file}`);
        holds(parsed!.platform === encodeName(on), `platform of ${file}`);
        holds(parsed!.channel === encodeName(channel), `channel of ${file}`);
        isInside(objectKey(file)!);
        const decoded = decodeName(encodeName(channel));
        holds(decoded === undefined || decoded === channel.toWellFormed(), `${channel} comes back`);
        const isSame = channel.toWellFormed() === other.toWellFormed();
        // Some file systems take no notice of case.
        const collide = encodeName(channel).toLowerCase() === encodeName(other).toLowerCase();
        holds(isSame === collide, `${JSON.stringify([channel, other])} are told apart`);
      }),
      options,
    );
    return `${options.numRuns} names`;
  },
};

/** What the configuration lets through is encoded like everything else; what it refuses, it explains. */
export const configuredNames: FuzzProperty = {
  name: 'configured names: refused with the place, or safe as paths',
  suiteRuns: 500,
  async check(options) {
    await fc.assert(
      fc.asyncProperty(fc.array(name, { minLength: 1, maxLength: 4 }), name, async (channels, network) => {
        const config = JSON.stringify({
          twitch: { channels },
          irc: { [network]: { host: 'localhost', nick: 'n', channels } },
        });
        const result = await checkConfigText(config, '/nowhere/config.yaml', {});
        if (!result.ok) {
          holds(
            result.problems.every(({ line, message }) => line > 0 && message !== ''),
            'problems have a place',
          );
          return;
        }
        for (const [platform, settings] of resolveChannels(result.config)) {
          for (const setting of settings) {
            const parts = { platform: encodeName(platform), channel: encodeName(setting.name) };
            isInside(objectKey(segmentFile({ ...parts, startMs: 0, suffix: '' }, 'none'))!);
          }
        }
      }),
      options,
    );
    return `${options.numRuns} configurations`;
  },
};

export function isInside(key: string): void {
  const inside = relative(ROOT, resolve(ROOT, key));
  holds(inside === key && !inside.startsWith(`..${sep}`), `${key} lies under its root`);
}

export function holds(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`does not hold: ${what}`);
}
