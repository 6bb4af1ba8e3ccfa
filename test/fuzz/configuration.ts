/** Configuration files that nobody would write: the answer is a configuration or problems with places, soon. */
import { readFileSync } from 'node:fs';
import fc, { type Arbitrary } from 'fast-check';
import { stringify } from 'yaml';
import { checkConfigText } from '../../src/config/load-config.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { configSchema } from '../../src/config/schema.ts';
import { holds } from './names.ts';
import type { FuzzProperty } from './property.ts';

const EXAMPLE = readFileSync(new URL('../../config.example.yaml', import.meta.url), 'utf8').replace(
  /^# ?(?=\w+:| {2})/gm,
  '',
);

const KEYS = [
  ...['twitch', 'irc', 's3', 'recorder', 'defaults', 'upload', 'http', 'log', 'archive', 'channels', 'name'],
  ...['bucket', 'port', 'host', 'enabled', 'sampling_rate', 'level', '__proto__', 'constructor', '<<', ''],
];
const REFERENCES = ['HOME', 'X:-y', '', 'X:-$', 'file:/etc/hostname'].map((reference) => `\${${reference}}`);
const scalar = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    -1,
    -0,
    Number.POSITIVE_INFINITY,
    Number.NaN,
    2 ** 53,
    65_536,
  ),
  fc.constantFrom('', '~', '*a', '&a', '${', '!!js/function', '0x1f', ...REFERENCES),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.double(),
);
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('tree'), { maxLength: 4 }),
    fc
      .array(fc.tuple(fc.constantFrom(...KEYS), tie('tree')), { maxLength: 5 })
      .map((entries) => Object.fromEntries(entries)),
  ),
}));
const written = tree.map((value) => stringify(value, { aliasDuplicateObjects: false }));
const mangled = fc
  .array(
    fc.tuple(
      fc.nat({ max: EXAMPLE.length }),
      fc.nat({ max: 20 }),
      fc.string({ unit: 'binary', maxLength: 12 }),
    ),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
  .map((edits) =>
    edits.reduce((text, [at, length, put]) => text.slice(0, at) + put + text.slice(at + length), EXAMPLE),
  );
const syntax = fc.string({
  unit: fc.constantFrom(
    ...'{}[]:,-?|>&*!%@`#\'"\n\t ~',
    '&a ',
    '*a',
    '<<: ',
    '---\n',
    '...\n',
    'twitch:',
    '  ',
    'x',
  ),
  maxLength: 120,
});
/** Each level names the one before nine times. */
const bomb = fc.nat({ max: 40 }).map((levels) => {
  const rows = Array.from(
    { length: levels },
    (_, level) => `l${level + 1}: &l${level + 1} [${Array(9).fill(`*l${level}`).join(', ')}]`,
  );
  return ['l0: &l0 [x]', ...rows].join('\n');
});
const deep = fc.nat({ max: 20_000 }).map((depth) => '['.repeat(depth) + ']'.repeat(depth));
const huge = fc.nat({ max: 3_000_000 }).map((bytes) => `twitch:\n  username: ${'x'.repeat(bytes)}\n`);

const text: Arbitrary<string> = fc.oneof(
  { weight: 10, arbitrary: mangled },
  { weight: 8, arbitrary: written },
  { weight: 8, arbitrary: syntax },
  { weight: 1, arbitrary: bomb },
  { weight: 1, arbitrary: deep },
  { weight: 1, arbitrary: huge },
);

export const configuration: FuzzProperty = {
  name: 'configuration files: taken or explained, never a crash',
  suiteRuns: 300,
  async check(options) {
    await fc.assert(
      fc.asyncProperty(text, async (content) => {
        const result = await checkConfigText(content, '/nowhere/config.yaml', {});
        if (result.ok) {
          holds(configSchema.safeParse(result.config).success, 'what was taken is a configuration');
          return;
        }
        holds(result.problems.length > 0, 'a refusal has a reason');
        for (const problem of result.problems) {
          holds(problem.message !== '', 'a problem says what it is');
          holds(!/[\0-\x08\x0b-\x1f]/.test(formatProblem(problem)), 'a problem can be printed');
        }
        const hasPolluted = ({} as Record<string, unknown>).polluted !== undefined;
        holds(!hasPolluted, 'objects stay what they are');
      }),
      options,
    );
    return `${options.numRuns} files`;
  },
};
