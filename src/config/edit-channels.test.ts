// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${...}` is what the configuration is filled in by
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type ChannelEdit, editChannels } from './edit-channels.ts';

const add = (name: string): ChannelEdit => ({ action: 'add', name });
const remove = (name: string): ChannelEdit => ({ action: 'remove', name });
const set = (
  name: string,
  key: 'enabled' | 'sampling_rate' | 'presence',
  value?: boolean | number,
): ChannelEdit => ({
  action: 'set',
  name,
  key,
  value,
});

function edited(text: string, change: ChannelEdit, platform = 'twitch'): string {
  const result = editChannels(text, platform, change);
  if (!result.ok) throw new Error(result.problem);
  return result.text;
}

function refusal(text: string, change: ChannelEdit, platform = 'twitch'): string {
  const result = editChannels(text, platform, change);
  return result.ok ? `not refused: ${result.text}` : result.problem;
}

const MINE = `# top
twitch:
  channels:   # mine
    # best
    - xqc   # c1

    - 'forsen'
    -   name: lirik  # c2
        # inner
        sampling_rate: 0.5
    # end
  port: 1 # x
`;

describe('editing a list with comments', () => {
  it('adds behind the last entry', () => {
    expect(edited(MINE, add('#Shroud'))).toBe(MINE.replace('    # end', '    - shroud\n    # end'));
  });

  it('removes the lines of an entry and nothing else', () => {
    expect(edited(MINE, remove('XQC'))).toBe(MINE.replace('    - xqc   # c1\n', ''));
    expect(edited(MINE, remove('forsen'))).toBe(MINE.replace("    - 'forsen'\n", ''));
  });

  it('makes a mapping of a name that gets a setting', () => {
    const text = edited(MINE, set('xqc', 'presence', true));
    expect(text).toBe(MINE.replace('- xqc   # c1', '- name: xqc   # c1\n      presence: true'));
    expect(edited(text, set('xqc', 'presence'))).toBe(MINE.replace('- xqc', '- name: xqc'));
  });

  it('adds, replaces and takes out a setting of a mapping', () => {
    expect(edited(MINE, set('lirik', 'enabled', false))).toBe(
      MINE.replace('sampling_rate: 0.5', 'sampling_rate: 0.5\n        enabled: false'),
    );
    expect(edited(MINE, set('lirik', 'sampling_rate', 0.25))).toBe(MINE.replace('0.5', '0.25'));
    expect(edited(MINE, set('lirik', 'sampling_rate'))).toBe(
      MINE.replace('        sampling_rate: 0.5\n', ''),
    );
  });

  it('leaves an empty list behind the last entry, and begins it anew', () => {
    const empty = 'twitch:\n  channels: [] # mine\n    # here\n  port: 1\n';
    expect(edited('twitch:\n  channels: # mine\n    # here\n    - a # gone\n  port: 1\n', remove('a'))).toBe(
      empty,
    );
    expect(edited(empty, add('b'))).toBe('twitch:\n  channels: # mine\n    - b\n    # here\n  port: 1\n');
  });
});

it.each([
  ['', 'twitch:\n  channels:\n    - a\n'],
  ['# c', '# c\ntwitch:\n  channels:\n    - a\n'],
  ['---\n', '---\ntwitch:\n  channels:\n    - a\n'],
  ['twitch:', 'twitch:\n  channels:\n    - a'],
  ['twitch: ~ # c\n', 'twitch: # c\n  channels:\n    - a\n'],
  ['twitch:\n  channels:\n', 'twitch:\n  channels:\n    - a\n'],
  ['twitch:\n  channels: null\n  port: 1\n', 'twitch:\n  channels:\n    - a\n  port: 1\n'],
  ['twitch: {}', 'twitch: { channels: [a] }'],
  ['twitch: {port: 1}', 'twitch: {port: 1, channels: [a]}'],
  ['{}', '{ twitch: { channels: [a] } }'],
  ['{twitch: {channels: }}', '{twitch: {channels: [a]}}'],
  ['{twitch: }', '{twitch: { channels: [a] }}'],
  ['twitch:\r\n  port: 1\r\n', 'twitch:\r\n  port: 1\r\n  channels:\r\n    - a\r\n'],
  ['twitch:\n  oauth: |\n    abc\n', 'twitch:\n  oauth: |\n    abc\n  channels:\n    - a\n'],
  ['\uFEFFtwitch:\n  channels:\n    - x\n', '\uFEFFtwitch:\n  channels:\n    - x\n    - a\n'],
  ['x: 1\n...\n', 'x: 1\ntwitch:\n  channels:\n    - a\n...\n'],
  [
    'irc:\n    n:\n        channels:\n        - b\n',
    'irc:\n    n:\n        channels:\n        - b\ntwitch:\n    channels:\n        - a\n',
  ],
  ['keep:\n  words:\n  - x\ntwitch:\n', 'keep:\n  words:\n  - x\ntwitch:\n  channels:\n  - a\n'],
  ['twitch:\n  channels: [x, y]\n', 'twitch:\n  channels: [x, y, a]\n'],
  ['twitch:\n  channels: [x, y,]\n', 'twitch:\n  channels: [x, y, a,]\n'],
  [
    'twitch:\n  channels: [\n    x, # 1\n    y # 2\n  ]\n',
    'twitch:\n  channels: [\n    x, # 1\n    y, # 2\n    a\n  ]\n',
  ],
  [
    'twitch:\n  channels: [\n    x,\n    y, # 2\n  ]\n',
    'twitch:\n  channels: [\n    x,\n    y, # 2\n    a,\n  ]\n',
  ],
  ['twitch:\n  channels: ["x"]\n', 'twitch:\n  channels: ["x", "a"]\n'],
  ["twitch:\n  channels:\n    - {name: 'x'}\n", "twitch:\n  channels:\n    - {name: 'x'}\n    - 'a'\n"],
])('adds to %j in its own style', (before, after) => {
  expect(edited(before, add('a'))).toBe(after);
});

it.each([
  ['[a]', '[]'],
  ['[a, b]', '[b]'],
  ['[b, a]', '[b]'],
  ['[b, a,]', '[b, ]'],
  ['[b, {name: a, enabled: true}, c]', '[b, c]'],
  ['[\n    a, # 1\n    b # 2\n  ]', '[\n    b # 2\n  ]'],
  ['[\n    b, # 1\n    a # 2\n  ]', '[\n    b # 1\n  ]'],
])('removes from %j', (before, after) => {
  const file = (list: string) => `twitch:\n  channels: ${list} # all\n  port: 1\n`;
  expect(edited(file(before), remove('a'))).toBe(file(after));
});

it.each([
  ['[a, b]', '[{ name: a, enabled: true }, b]'],
  ['[{name: a}, b]', '[{name: a, enabled: true}, b]'],
  ['[{name: a, enabled: false}]', '[{name: a, enabled: true}]'],
  ['\n  - a', '\n  - name: a\n    enabled: true'],
  ['\n    - {name: b}\n    - "a" # x', '\n    - {name: b}\n    - {name: "a", enabled: true} # x'],
  ['\n    - enabled:\n      name: a', '\n    - enabled: true\n      name: a'],
])('sets in %j', (before, after) => {
  expect(edited(`twitch:\n  channels: ${before}\n`, set('a', 'enabled', true))).toBe(
    `twitch:\n  channels: ${after}\n`,
  );
});

it.each([
  ['\n    - enabled: true\n      name: a', '\n    - name: a'],
  ['\n    - enabled: true # 1\n      # 2\n      name: a', '\n    -\n      # 2\n      name: a'],
  ['[{enabled: true, name: a}]', '[{name: a}]'],
  ['[{name: a, enabled: true}]', '[{name: a}]'],
  ['\n    - a', '\n    - a'],
])('takes a setting out of %j', (before, after) => {
  expect(edited(`twitch:\n  channels: ${before}\n`, set('a', 'enabled'))).toBe(
    `twitch:\n  channels: ${after}\n`,
  );
});

it.each([
  ['[xqc, a, XQC, "#xqc"]', '[a]'],
  ['[xqc, XQC, "#xqc"]', '[]'],
  ['\n    - xqc\n    - a # c\n    - name: XQC\n      presence: true\n    - "#xqc"', '\n    - a # c'],
])('removes every entry of a channel that %j names several times', (before, after) => {
  const file = (list: string) => `twitch:\n  channels: ${list}\n  port: 1\n`;
  expect(edited(file(before), remove('xqc'))).toBe(file(after));
});

it.each([
  ['[xqc, a, {name: XQC}]', '[{name: xqc, enabled: true}, a, {name: XQC, enabled: true}]'],
  ['\n    - xqc\n    - XQC', '\n    - name: xqc\n      enabled: true\n    - name: XQC\n      enabled: true'],
])('sets every entry of a channel that %j names several times', (before, after) => {
  const file = (list: string) => `twitch:\n  channels: ${list}\n`;
  expect(edited(file(before), set('xqc', 'enabled', true))).toBe(file(after));
});

describe('a channel of an IRC network', () => {
  const file = 'irc:\n  libera: {host: a, nick: b}\n  oftc:\n    host: a\n    nick: b\n';

  it('is quoted as YAML needs it', () => {
    expect(edited(file, add('linux'), 'irc-libera')).toContain('{host: a, nick: b, channels: ["#linux"]}');
    const text = edited(file, add('#a"\\\u{1F600}${x}'), 'irc-oftc');
    expect(parse(text).irc.oftc.channels).toEqual(['#a"\\\u{1F600}$${x}']);
    expect(edited(text, remove('#A"|\u{1F600}${x}'), 'irc-oftc')).toBe(`${file}    channels: []\n`);
  });

  it('needs its network', () => {
    expect(refusal(file, add('#x'), 'irc-nope')).toContain('there is no IRC network "nope"');
  });
});

it.each([
  ['twitch: [', add('a'), 'must be repaired first: line 1:10'],
  ['hello', add('a'), 'should be a mapping'],
  ['twitch: 5', add('a'), '"twitch" should be a mapping'],
  ['twitch: {channels: a}', add('b'), '"twitch.channels" should be a list'],
  ['twitch: {channels: [a]}', add('A'), '"a" is there already'],
  ['twitch: {channels: [forsen]}', remove('forsn'), 'did you mean "forsen"?'],
  ['twitch: {channels: [a]}', add('a b'), 'should be a Twitch login'],
  ['x: &x [b]\ntwitch:\n  channels: *x\n', add('a'), '"channels" is an alias (*x)'],
  ['x: &x {channels: [b]}\ntwitch: *x\n', add('a'), '"twitch" is an alias (*x)'],
  ['twitch:\n  channels: &x [b]\nx: *x\n', add('a'), 'cannot be edited safely'],
  ['twitch:\n  channels: [&x b, *x]\n', remove('b'), 'cannot be edited safely'],
  ['? twitch\n: channels: [b]\n? irc\n', add('b'), 'is there already'],
  ['twitch:\n  channels:\n    - |-\n      b\n', set('b', 'enabled', true), 'written as a block of text'],
  ['a: 1\n---\nb: 2\n', add('a'), 'must be repaired first'],
  [`${'['.repeat(1000)}`, add('a'), 'nested too deeply'],
])('%j is left alone where %j cannot be done', (text, change, message) => {
  expect(refusal(text, change)).toContain(message);
});

describe('of any layout', () => {
  const names = ['xqc', 'forsen', 'lirik', 'a_b', 'null', '123', 'true'];
  const comment = fc.constantFrom('', '', ' # c', '   # - no: item', ' #');
  const filler = fc.constantFrom('', '', '\n', '# whole line\n', '      # deep\n\n', '   \n');
  const inner = fc.constantFrom('', '', '\n', '# of the entry\n');
  const quoted = (name: string) =>
    fc.constantFrom(
      ...(/^(?:null|true|\d+)$/.test(name) ? [`"${name}"`, `'${name}'`] : [name, `"${name}"`, `'${name}'`]),
    );
  const entry = (name: string, indent: string) =>
    fc.oneof(
      fc.tuple(quoted(name), comment).map(([text, end]) => `- ${text}${end}\n`),
      fc
        .tuple(quoted(name), comment, comment, inner)
        .map(
          ([text, end, end2, fill]) => `-   name: ${text}${end}\n${fill}${indent}    enabled: true${end2}\n`,
        ),
      fc
        .tuple(quoted(name), comment, comment)
        .map(([text, end, end2]) => `- presence: false${end2}\n${indent}  name: ${text}${end}\n`),
      fc.tuple(quoted(name), comment).map(([text, end]) => `- {name: ${text}, sampling_rate: 0.5}${end}\n`),
    );
  const block = fc
    .tuple(fc.constantFrom('  ', '    ', '      '), comment, fc.shuffledSubarray(names, { minLength: 1 }))
    .chain(([indent, end, chosen]) =>
      fc.tuple(...chosen.map((name) => fc.tuple(filler, entry(name, indent)))).map((entries) => ({
        chosen,
        text: `channels:${end}\n${entries.map(([fill, text]) => fill + indent + text).join('')}`,
      })),
    );
  const flowSpace = fc.constantFrom('', ' ', '\n    ', ' # c\n      ');
  const flow = fc
    .tuple(
      fc.shuffledSubarray(names, { minLength: 1 }),
      fc.boolean(),
      fc.array(flowSpace, { minLength: 16, maxLength: 16 }),
    )
    .chain(([chosen, trailing, spaces]) =>
      fc.tuple(...chosen.map(quoted)).map((texts) => ({
        chosen,
        text: `channels: [${texts.map((text, index) => `${spaces[index * 2]}${text}${spaces[index * 2 + 1]}`).join(',')}${trailing ? ',' : ''}\n    ]\n`,
      })),
    );
  const document = fc
    .tuple(fc.oneof(block, flow), filler, filler, fc.constantFrom('\n', '\r\n'), fc.boolean())
    .map(([{ chosen, text }, before, after, eol, last]) => ({
      chosen,
      text: `${before}data_dir: d\ntwitch:\n  ${text}${after}${last ? '' : '  port: 6697 # p\nhttp: {}\n'}`.replaceAll(
        '\n',
        eol,
      ),
    }));
  const nameOf = (item: string | { name: string }) => (typeof item === 'string' ? item : item.name);
  /** `part` is `whole` with lines or letters left out. */
  const isSubsequence = (part: string, whole: string) => {
    let at = 0;
    for (const character of part) {
      at = whole.indexOf(character, at) + 1;
      if (at === 0) return false;
    }
    return true;
  };

  it('an addition only inserts, and a removal of it gives the file back in meaning', () => {
    fc.assert(
      fc.property(document, ({ text }) => {
        const after = edited(text, add('shroud'));
        expect(isSubsequence(text, after)).toBe(true);
        expect(after.length - text.length).toBeLessThan(30);
        expect(parse(after).twitch.channels.map(nameOf)).toContain('shroud');
        expect(parse(edited(after, remove('shroud')))).toEqual(parse(text));
      }),
      { numRuns: 300 },
    );
  });

  it('a removal only takes out, and keeps every comment on lines of its own', () => {
    fc.assert(
      fc.property(document, fc.nat(), ({ chosen, text }, pick) => {
        const name = chosen[pick % chosen.length]!;
        const after = edited(text, remove(name));
        const { channels } = parse(after).twitch;
        expect(channels.map(nameOf)).toEqual(chosen.filter((other) => other !== name));
        if (chosen.length > 1) expect(isSubsequence(after, text)).toBe(true);
        expect(after.split('# whole line').length).toBe(text.split('# whole line').length);
        expect(after.split('# deep').length).toBe(text.split('# deep').length);
        expect({ ...parse(after), twitch: 0 }).toEqual({ ...parse(text), twitch: 0 });
      }),
      { numRuns: 300 },
    );
  });

  it('a setting only inserts or replaces one value, and can be taken out again', () => {
    fc.assert(
      fc.property(
        document,
        fc.nat(),
        fc.constantFrom('enabled', 'sampling_rate', 'presence'),
        ({ chosen, text }, pick, key) => {
          const name = chosen[pick % chosen.length]!;
          const value = key === 'sampling_rate' ? 0.125 : true;
          const after = edited(text, set(name, key as 'enabled', value));
          const item = parse(after).twitch.channels.find(
            (entry: string | { name: string }) => nameOf(entry) === name,
          );
          expect(item).toMatchObject({ name, [key]: value });
          expect(after.split('#').length).toBe(text.split('#').length);
          const without = edited(after, set(name, key as 'enabled'));
          const plain = parse(without).twitch.channels.find(
            (entry: string | { name: string }) => nameOf(entry) === name,
          );
          expect(plain).not.toHaveProperty(key);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('any text is edited or refused, never broken', () => {
    const fragment = fc.constantFrom(
      ...[
        'twitch:',
        'channels:',
        '- ',
        '\n',
        '  ',
        '    ',
        ': ',
        '[',
        ']',
        '{',
        '}',
        '&a ',
        '*a',
        '"',
        '#',
        '? ',
        '!!str ',
        'xqc',
        'name: ',
        ', ',
        '|\n',
        '\t',
        '\r\n',
        '\uFEFF',
        '---\n',
        '...\n',
        '~',
      ],
    );
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 25 }), (parts) => {
        const text = parts.join('');
        for (const change of [
          add('shroud'),
          remove('xqc'),
          set('xqc', 'enabled', true),
          set('xqc', 'enabled'),
        ]) {
          const result = editChannels(text, 'twitch', change);
          if (result.ok) expect(() => parse(result.text)).not.toThrow();
          else expect(result.problem).not.toBe('');
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
