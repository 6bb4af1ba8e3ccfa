// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${...}` is what the configuration is filled in by
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkConfigText, type LoadedConfig, loadConfig } from './load-config.ts';
import { formatProblem } from './problem.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'chatlog-config-'));
});
afterAll(() => rm(directory, { recursive: true }));

const file = () => join(directory, 'config.yaml');
const check = (text: string, env: Record<string, string> = {}) => checkConfigText(text, file(), env);

async function valid(text: string, env: Record<string, string> = {}): Promise<LoadedConfig> {
  const result = await check(text, env);
  if (!result.ok) throw new Error(result.problems.map(formatProblem).join('\n'));
  return result;
}

/** `line:column path message` of every problem. */
async function problems(text: string, env: Record<string, string> = {}): Promise<string[]> {
  const result = await check(text, env);
  if (result.ok) throw new Error('no problem was found');
  return result.problems.map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`);
}

const IRC = 'irc:\n  net:\n    host: irc.example.org\n    nick: bot\n';

describe('a valid configuration', () => {
  it('may be empty, and then has every default', async () => {
    for (const text of [
      '',
      '\n',
      '# nothing\n',
      '---\n',
      'null',
      '\uFEFF',
      'twitch:\nirc:\ns3:\nrecorder:\n',
    ]) {
      const { config } = await valid(text);
      expect(config.recorder.batch_size).toBe(100);
      expect(config.http.port).toBe(8080);
      expect(config.s3).toBeUndefined();
    }
  });

  it('takes channels as names, with # or as addresses, and as mappings', async () => {
    const { config } = await valid(
      'twitch:\n  channels: [XqC, "#forsen", "https://www.twitch.tv/Lirik?x=1", {name: "#A_b", presence: true}]\n',
    );
    expect(config.twitch?.channels).toEqual([
      { name: 'xqc' },
      { name: 'forsen' },
      { name: 'lirik' },
      { name: 'a_b', presence: true },
    ]);
  });

  it('resolves paths from the directory of the file', async () => {
    const { config } = await valid(
      `data_dir: d\narchive: {directory: ../a}\ntwitch: {tls_ca_file: ca.pem}\ns3: {bucket: b, tls_ca_file: /x/ca.pem}\n${IRC}    tls_ca_file: n.pem\n    sasl: {mechanism: EXTERNAL, cert_file: c.pem, key_file: k.pem}\n`,
    );
    expect(config.data_dir).toBe(join(directory, 'd'));
    expect(config.archive.directory).toBe(join(directory, '../a'));
    expect(config.twitch?.tls_ca_file).toBe(join(directory, 'ca.pem'));
    expect(config.s3?.tls_ca_file).toBe('/x/ca.pem');
    expect(config.irc.net?.tls_ca_file).toBe(join(directory, 'n.pem'));
    expect(config.irc.net?.sasl?.cert_file).toBe(join(directory, 'c.pem'));
    expect(config.irc.net?.sasl?.key_file).toBe(join(directory, 'k.pem'));
  });

  it('may share parts through anchors and merge keys', async () => {
    const { config } = await valid(
      'irc:\n  a: &base\n    host: h\n    nick: n\n    channels: ["#x"]\n  b:\n    <<: *base\n    nick: m\n',
    );
    expect(config.irc.b).toMatchObject({ host: 'h', nick: 'm', channels: [{ name: '#x' }] });
  });

  it('keeps the first of a channel named twice alike, and warns', async () => {
    const { config, warnings } = await valid('twitch:\n  channels:\n    - xqc\n    - "#XQC"\n');
    expect(config.twitch?.channels).toEqual([{ name: 'xqc' }]);
    expect(warnings.map(formatProblem)).toEqual([
      expect.stringMatching(/:4:7: twitch\.channels\[1\]: is there already on line 3$/),
    ]);
  });
});

describe('what is filled in', () => {
  it('comes from the environment, else from the default', async () => {
    const text = 'http:\n  host: ${H:-0.0.0.0}\n  port: ${PORT:-9000}\n';
    expect((await valid(text)).config.http).toMatchObject({ host: '0.0.0.0', port: 9000 });
    expect((await valid(text, { PORT: '1234', H: '::1' })).config.http).toMatchObject({
      host: '::1',
      port: 1234,
    });
    expect((await valid(text, { PORT: '', H: '' })).config.http).toMatchObject({
      host: '0.0.0.0',
      port: 9000,
    });
  });

  it('is a number or a boolean only where it is not in quotes', async () => {
    expect(
      (await valid('twitch: {tls: true}\nhttp:\n  enabled: ${ON}\n', { ON: 'false' })).config.http.enabled,
    ).toBe(false);
    expect(await problems('http:\n  port: "${P}"\n', { P: '80' })).toEqual([
      '2:9 http.port: found a text (not shown), should be a whole number from 0 to 65535 (without quotes)',
    ]);
  });

  it('stays a text where a text is wanted, whatever it looks like', async () => {
    const { config } = await valid(
      `twitch:\n  channels:\n    - \${C}\n    - name: \${D}\n${IRC}    server_password: \${P}\n`,
      { C: '12345', D: 'true', P: '1e3' },
    );
    expect(config.twitch?.channels).toEqual([{ name: '12345' }, { name: 'true' }]);
    expect(config.irc.net?.server_password).toBe('1e3');
  });

  it('counts as left out where it is empty', async () => {
    const { config } = await valid('twitch:\n  oauth: ${T:-}\n  username: "${U:-}"\n');
    expect(config.twitch?.oauth).toBeUndefined();
    expect(config.twitch?.username).toBeUndefined();
  });

  it('is not looked into again, and $${ stands for itself', async () => {
    const { config } = await valid('keep:\n  words: ["${A}", "$${A}", "a$${b}c", "$5 {x}"]\n', { A: '${B}' });
    expect(config.keep.words).toEqual(['${B}', '${A}', 'a${b}c', '$5 {x}']);
  });

  it('never turns into YAML structure', async () => {
    const { config } = await valid('keep:\n  words:\n    - ${A}\n', { A: 'a: [b] # c' });
    expect(config.keep.words).toEqual(['a: [b] # c']);
  });

  it('takes no variable for a slip that only looks a little like it', async () => {
    expect(
      await problems('keep:\n  words: ["${PASSWD}"]\n', { PWD: '/', PASSWD_FILE_OF_ANOTHER: 'x' }),
    ).toEqual([
      '2:11 keep.words[0]: the environment variable PASSWD is not set; set it, or write ${PASSWD:-default}',
    ]);
  });

  it('names what is missing, and every misspelt form', async () => {
    const found = await problems('keep:\n  words: ["${TOKN}", "${", "${a b}", "${}", "${X-1}"]\n', {
      TOKEN: 'x',
    });
    expect(found).toEqual([
      '2:11 keep.words[0]: the environment variable TOKN is not set; set it, or write ${TOKN:-default}; did you mean "TOKEN"?',
      '2:22 keep.words[1]: "${" without its "}"; a "${" that is meant literally is written "$${"',
      '2:28 keep.words[2]: "${a b}" is none of ${VAR}, ${VAR:-default} and ${file:/path}',
      '2:38 keep.words[3]: "${}" is none of ${VAR}, ${VAR:-default} and ${file:/path}',
      '2:45 keep.words[4]: "${X-1}" is none of ${VAR}, ${VAR:-default} and ${file:/path}',
    ]);
  });

  it('comes from secret files, beside the configuration or anywhere, without the last line end', async () => {
    await writeFile(join(directory, 'token'), 'abcdef\r\n');
    await writeFile(join(directory, 'key'), '123456\n\n');
    const { config, secrets, files } = await valid(
      `twitch:\n  username: me\n  oauth: oauth:\${file:token}\n${IRC}    server_password: \${file:${join(directory, 'key')}}\n`,
    );
    expect(config.twitch?.oauth).toBe('oauth:abcdef');
    expect(config.irc.net?.server_password).toBe('123456');
    expect(secrets).toEqual(expect.arrayContaining(['oauth:abcdef', 'abcdef', '123456']));
    expect(files).toEqual([file(), join(directory, 'token'), join(directory, 'key')]);
  });

  it('says which secret file cannot be read', async () => {
    expect(await problems('keep:\n  words: ["${file:nope}", "${file:.}"]\n')).toEqual([
      '2:11 keep.words[0]: the secret file "nope" does not exist',
      '2:27 keep.words[1]: the secret file "." is not a file',
    ]);
  });
});

describe('problems', () => {
  it('are all reported at once, in the order of the file, each with its place', async () => {
    const found = await problems(
      'twich: {}\ntwitch:\n  joinBudget: 5\n  port: abc\n  channels:\n    - xqc\n    - name: forsen\n      sampling_rat: 1\n    - {name: lirik, sampling_rate: 1.5, retention_days: never}\nrecorder: {rotate_minutes: 7, compression: lz4}\nhttp: 8080\n',
    );
    expect(found).toEqual([
      '1:1 twich: unknown key; did you mean "twitch"?',
      '3:3 twitch.joinBudget: unknown key; did you mean "join_budget"?',
      '4:9 twitch.port: found "abc", should be a whole number from 1 to 65535',
      '8:7 twitch.channels[1].sampling_rat: unknown key; did you mean "sampling_rate"?',
      '9:36 twitch.channels[2].sampling_rate: found 1.5, should be a number from 0 to 1',
      '9:57 twitch.channels[2].retention_days: found "never", should be a number greater than 0, at most 36500 or "forever"',
      '10:28 recorder.rotate_minutes: found 7, should divide 60: 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30 or 60',
      '10:44 recorder.compression: found "lz4", should be one of "zstd", "gzip", "none"',
      '11:7 http: found 8080, should be a mapping ("key: value" lines)',
    ]);
  });

  it('tell a misplaced key where it belongs', async () => {
    expect(await problems('sampling_rate: 1\n')).toEqual([
      '1:1 sampling_rate: unknown key here; it belongs under "defaults"',
    ]);
  });

  it('explain the slips that YAML invites', async () => {
    expect(await problems('twitch:\n  tls: yes\n  channels:\n    - 123\n    - #xqc\n')).toEqual([
      '2:8 twitch.tls: found "yes", should be true or false',
      '4:7 twitch.channels[0]: found 123, should be a text or a mapping ("key: value" lines) (put it in quotes)',
      expect.stringContaining('(a # begins a comment: put "#name" in quotes)'),
    ]);
    for (const text of ['twitch:\n\tport: 1\n', 'twitch:\n\tport: 1\n\thost: x\n\tchannels:\n\t\t- a\n'])
      expect(await problems(text)).toEqual([expect.stringMatching(/^2:1 .*spaces, not tabs/)]);
    expect(await problems('twitch:\n  channels: xqc, forsen\n')).toEqual([
      '2:13 twitch.channels: found "xqc, forsen", should be a list (each on a line of its own, after "- ")',
    ]);
    expect((await problems('http: {port: ${PORT}}\n'))[0]).toContain(
      'inside [ ] and { } write "${VAR}" in quotes',
    );
  });

  it('name keys that are there twice', async () => {
    expect(await problems('data_dir: a\nhttp: {}\ndata_dir: b\n')).toEqual([
      '3:1 data_dir: is there twice; the first is on line 1',
    ]);
  });

  it.each([
    ['', 'should be a Twitch login'],
    ['..', 'should be a Twitch login'],
    ['a/b', 'should be a Twitch login'],
    ['a b', 'should be a Twitch login'],
    ['x'.repeat(26), 'should be a Twitch login'],
    ['\u{1F600}', 'should be a Twitch login'],
    ['a\u0000', 'should be a Twitch login'],
    ['a\r\nQUIT', 'should be a Twitch login'],
  ])('refuse the Twitch channel %j', async (name, message) => {
    expect(
      await problems(`twitch:\n  channels: [${JSON.stringify(name)}, {name: ${JSON.stringify(name)}}]\n`),
    ).toEqual([expect.stringContaining(message), expect.stringContaining(message)]);
  });

  it.each(['a b', 'a,b', '#a\u0000', '#a\r\nQUIT', '#a\u0007', '', '#', '\u00e9'.repeat(300)])(
    'refuse the IRC channel %j',
    async (name) => {
      expect(await problems(`${IRC}    channels: [${JSON.stringify(name)}]\n`)).toEqual([
        expect.stringContaining('should be an IRC channel'),
      ]);
    },
  );

  it('let no line of the protocol be smuggled in', async () => {
    const found = await problems(
      'irc:\n  n:\n    host: "a\\r\\nb"\n    nick: "a\\r\\nb"\n    realname: "a\\nb"\n    username: "a b"\n    server_password: "a\\nb"\n    nickserv_password: "a b"\n    channels: [{name: "#a", key: "k\\n"}]\n',
    );
    const paths = [
      'host',
      'nick',
      'realname',
      'username',
      'server_password',
      'nickserv_password',
      'channels[0].key',
    ];
    expect(found.map((problem) => problem.split(' ')[1])).toEqual(paths.map((path) => `irc.n.${path}:`));
  });

  it('see what keys need or contradict each other', async () => {
    const found = await problems(
      `twitch: {oauth: abcdef, backoff: {min_seconds: 9, max_seconds: 3}}\n${IRC}    sasl: {account: a}\ns3: {bucket: b, access_key_id: a}\nupload: {backoff: {max_seconds: 0.5}}\nrecorder: {compression: gzip, compression_level: 12}\n`,
    );
    expect(found.map((problem) => problem.replace(/^\S+ /, ''))).toEqual([
      'twitch.oauth: needs "username" too: the login of the account that the token belongs to',
      'twitch.backoff: "min_seconds" (9) should not be more than "max_seconds" (3)',
      'irc.net.sasl: PLAIN needs "password"',
      expect.stringContaining('s3.access_key_id: "secret_access_key" is missing'),
      'upload.backoff: "min_seconds" (1) should not be more than "max_seconds" (0.5)',
      'recorder.compression_level: found 12, should be from 1 to 9 for gzip',
    ]);
  });

  it('refuse a channel named twice with different settings', async () => {
    expect(await problems(`${IRC}    channels: ["#A[", {name: "#a{", presence: true}]\n`)).toEqual([
      '5:23 irc.net.channels[1]: is there already on line 5 with other settings; keep one of the two',
    ]);
  });

  it('never show a secret', async () => {
    const found = await problems(
      `twitch: {username: "a b", oauth: "geheim geheim"}\n${IRC}    server_password: [geheim]\n    sasl: {account: a, password: 99887766}\nhttp:\n  port: \${P}\ns3: {bucket: b, access_key_id: 1, secret_access_key: {geheim: 1}, geheimnis: 1}\n`,
      { P: 'geheim' },
    );
    expect(found.join('\n').replace('s3.geheimnis', '').replace('secret_access_key.geheim', '')).not.toMatch(
      /geheim|99887766/,
    );
  });

  it.each(['https://me:geheim@host/', 'https://host/?key=geheim'])(
    'never show what %s hides',
    async (url) => {
      const found = await problems(`twitch:\n  backfill: {url: "${url}"}\n`);
      expect(found).toEqual([expect.stringContaining('twitch.backfill.url: found a text')]);
    },
  );

  it('collect every secret of a valid configuration', async () => {
    const { secrets } = await valid(
      `twitch: {username: a, oauth: tok}\n${IRC}    server_password: srv\n    nickserv_password: nsp\n    sasl: {account: a, password: spw}\n    channels: [{name: "#a", key: chk}]\ns3: {bucket: b, access_key_id: AKIAIOSFODNN7EXAMPLE, secret_access_key: sak, session_token: stk}\n`,
    );
    expect(new Set(secrets)).toEqual(
      new Set(['tok', 'srv', 'nsp', 'spw', 'chk', 'sak', 'stk', 'AKIAIOSFODNN7EXAMPLE']),
    );
  });
});

describe('a hostile file', () => {
  it('is refused when it is too large, a directory, missing or no text', async () => {
    const read = async (content?: string | Buffer) => {
      const path = join(directory, 'hostile.yaml');
      await rm(path, { force: true });
      if (content !== undefined) await writeFile(path, content);
      const result = await loadConfig(path);
      return result.ok ? 'ok' : result.problems[0]!.message;
    };
    expect(await read()).toBe('does not exist');
    expect(await read(Buffer.alloc(10 * 1024 * 1024, 'a'))).toBe('is larger than 1024 KiB');
    expect(await read(Buffer.from([0xff, 0xfe, 0x00, 0xd8]))).toBe('is not UTF-8 text');
    expect(await read('a\0b')).toContain('NUL');
    const result = await loadConfig(directory);
    expect(result.ok ? '' : result.problems[0]!.message).toContain('is a directory');
  });

  const laughs = `a: &a [x,x,x,x,x,x,x,x,x,x]\n${[...'bcdefghi'].map((name, index) => `${name}: &${name} [${Array(10).fill(`*${'abcdefgh'[index]}`).join(',')}]`).join('\n')}\n`;

  it.each([
    ['an alias bomb', laughs],
    ['an alias that holds itself', 'a: &a [*a]\n'],
    ['a merge that holds itself', 'a: &a {<<: *a}\n'],
    ['an alias to nowhere', 'a: *b\n'],
    ['deep brackets', '['.repeat(100_000)],
    ['deep braces', '{a: '.repeat(50_000)],
    ['deep lists', '- '.repeat(50_000)],
    ['deep questions', '? '.repeat(50_000)],
    ['deep mappings', Array.from({ length: 500 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')],
    ['a million closing braces', '}'.repeat(1_000_000)],
    ['a list at the root', '- a\n'],
    ['a text at the root', 'hello'],
    ['a number at the root', '.inf'],
    ['__proto__', '__proto__: {admin: true}\ntwitch: {__proto__: 1, constructor: 2}\n'],
    [
      '__proto__ as a network',
      'irc:\n  __proto__: {host: a, nick: b}\n  constructor: {host: a, nick: b, toString: c}\n',
    ],
    ['two documents', 'a: 1\n---\nb: 2\n'],
    ['tags', 'data_dir: !!binary aGVsbG8=\n'],
    ['an unknown tag', 'data_dir: !!js/function x\n'],
    ['keys that are no words', '? [a]\n: b\n? {c: d}\n: e\n: f\n'],
    ['huge numbers', 'http: {port: 99999999999999999999999999}\nrecorder: {batch_size: 1e400}\n'],
    ['no numbers', 'http: {port: .nan}\nrecorder: {rotate_bytes: -.inf}\n'],
    ['a timer that overflows', 'recorder: {idle_seal_seconds: 1e9}\n'],
    ['half a surrogate pair', 'data_dir: "\\ud800"\nx: 1\n'],
    ['a bidi override in a key', '"\u202eevil": 1\n'],
    ['many unknown keys', Array.from({ length: 20_000 }, (_, index) => `k${index}: 1`).join('\n')],
    ['many equal keys', 'a: 1\n'.repeat(50_000)],
  ])('with %s is refused with few problems that are safe to print', async (_, text) => {
    const found = await check(text);
    expect(found.ok).toBe(false);
    if (found.ok) return;
    expect(found.problems.length).toBeGreaterThan(0);
    expect(found.problems.length).toBeLessThanOrEqual(101);
    for (const problem of found.problems) {
      expect(formatProblem(problem)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
      expect(problem.message.length).toBeLessThan(1_000);
    }
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it('of any text never throws', async () => {
    const fragment = fc.constantFrom(
      ...[
        'twitch:',
        'channels:',
        '- ',
        '\n',
        '  ',
        ': ',
        '[',
        ']',
        '{',
        '}',
        '&a ',
        '*a',
        '<<: ',
        '"',
        "'",
        '|',
        '>',
        '#',
        '? ',
        '! ',
        '!!int ',
        '${',
        '}',
        '${A}',
        '${A:-1}',
        '$${',
        '${file:x}',
        'irc:',
        'name: ',
        '\t',
        '\r\n',
        '---\n',
        '...',
        '%YAML',
        '1',
        'null',
        '.nan',
        'xqc',
        '\uFEFF',
        '\u0085',
        '\u2028',
      ],
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc
        .array(
          fc.oneof({ weight: 5, arbitrary: fragment }, { weight: 1, arbitrary: fc.string({ maxLength: 5 }) }),
          { maxLength: 60 },
        )
        .map((parts) => parts.join('')),
    );
    await fc.assert(
      fc.asyncProperty(text, async (content) => {
        const result = await check(content, { A: 'x: [' });
        expect(result.ok || result.problems.length > 0).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('with wrong types anywhere never throws, and says where', async () => {
    const example = (
      await valid(`twitch: {channels: [a]}\n${IRC}    sasl: {account: a, password: b}\ns3: {bucket: b}\n`)
    ).config;
    const paths: string[][] = [];
    const walk = (value: unknown, path: string[]) => {
      if (path.length > 0) paths.push(path);
      if (typeof value === 'object' && value !== null)
        for (const [key, item] of Object.entries(value)) walk(item, [...path, key]);
    };
    walk(example, []);
    const wrong = fc.oneof(
      fc.constantFrom<unknown>([[]], { a: { b: [] } }, -1.5, true, '', 'x y\nz', Number.MAX_VALUE),
      fc.jsonValue(),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), wrong, async (path, value) => {
        const copy = structuredClone(example) as Record<string, unknown>;
        let parent = copy;
        for (const key of path.slice(0, -1)) parent = parent[key] as Record<string, unknown>;
        parent[path.at(-1)!] = value;
        const result = await check(JSON.stringify(copy));
        if (result.ok) return;
        expect(result.problems.every(({ line, path: place }) => line >= 1 && place !== '')).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
});

const examplePath = join(import.meta.dirname, '../../config.example.yaml');

describe('config.example.yaml', () => {
  it('stores in a directory until the bucket is set in the environment', async () => {
    const without = await loadConfig(examplePath, {});
    expect(without.ok && without.config.s3).toBe(undefined);
    const secrets = { AWS_ACCESS_KEY_ID: 'tid_123', AWS_SECRET_ACCESS_KEY: 'tsec_456' };
    const result = await loadConfig(examplePath, {
      ...secrets,
      BUCKET_NAME: 'chats',
      AWS_ENDPOINT_URL_S3: 'https://fly.storage.tigris.dev',
    });
    expect(result.ok && result.config.s3).toMatchObject({
      bucket: 'chats',
      region: 'auto',
      access_key_id: 'tid_123',
    });
  });

  it('takes a bucket that is missing or empty in the file itself for a mistake', async () => {
    for (const text of ['s3:\n  region: auto\n', 's3:\n  bucket:\n', 's3:\n  bucket: ""\n']) {
      expect((await checkConfigText(text, 'config.yaml', {})).ok).toBe(false);
    }
  });

  it('works as it is', async () => {
    const result = await loadConfig(examplePath, {});
    expect(result).toMatchObject({ ok: true, warnings: [] });
    if (result.ok) expect(result.config.twitch?.channels.length).toBeGreaterThan(1);
  });

  it('works with every commented-out option in use', async () => {
    const text = await readFile(examplePath, 'utf8');
    const lines = text.split('\n').map((line) => (/^#(?: {2}|[a-z])/.test(line) ? line.slice(1) : line));
    const env = {
      BUCKET_NAME: 'chats',
      TWITCH_OAUTH: 'x',
      AWS_ACCESS_KEY_ID: 'a',
      AWS_SECRET_ACCESS_KEY: 'b',
    };
    const result = await checkConfigText(lines.join('\n'), file(), env);
    expect(result.ok ? [] : result.problems.map(formatProblem)).toEqual([]);
    if (result.ok)
      expect(result.config).toMatchObject({
        s3: { bucket: 'chats', prefix: 'chat/' },
        irc: { libera: {} },
        keep: { words: ['giveaway'] },
      });
  });
});
