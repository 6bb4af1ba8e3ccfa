// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${...}` is what the configuration is filled in by
import { existsSync } from 'node:fs';
import { chmod, lstat, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { type CapturedTerminal, capturedTerminal } from '../test/support/captured-terminal.ts';
import { type TempDir, tempDir } from '../test/support/temp-dir.ts';
import { main } from './main.ts';

let terminal: CapturedTerminal;
beforeEach(() => {
  terminal = capturedTerminal();
});

/** Runs one command; `FILE` stands for the configuration file. */
async function chatlog(directory: TempDir, ...args: string[]): Promise<number> {
  terminal = capturedTerminal();
  return main([...args, '--config', directory.join('config.yaml')], terminal);
}

describe('the command line', () => {
  it.each([
    [[]],
    [['run']],
    [['check']],
    [['init']],
    [['channels']],
    [['channels', 'list']],
    [['channels', 'add']],
    [['channels', 'remove']],
    [['channels', 'set']],
    [['status']],
  ])('explains %j with examples and exit codes', async (command) => {
    expect(await main([...command, '--help'], terminal)).toBe(0);
    expect(terminal.stdout).toMatch(/Usage: chatlog[\s\S]*Examples:\n {2}chatlog[\s\S]*Exit codes: 0 ok, 1/);
    if (command.length > 0 && command.at(-1) !== 'channels')
      expect(terminal.stdout).toContain('--config <file>');
  });

  it.each([
    [['chanels'], 'Did you mean channels?'],
    [['run', '--bogus'], "unknown option '--bogus'"],
    [['run', '--bogus'], '(see "chatlog run --help")'],
    [['channels', 'add'], "missing required argument 'name'"],
    [['channels', 'add'], '(see "chatlog channels add --help")'],
    [['channels', 'ad'], '(see "chatlog channels --help")'],
    [['channels', 'set', 'xqc'], 'key=value, for example sampling_rate=0.1'],
    [['status', 'extra'], 'too many arguments'],
    [['status', '--url', 'nonsense'], '--url should be an address'],
    [['channels', 'add', 'a', '--platform', 'kick'], '--platform is twitch or irc-<network>'],
  ])('%j is a wrong command line', async (argv, message) => {
    expect(await main(argv, terminal)).toBe(2);
    expect(terminal.stderr).toContain(message);
    expect(terminal.stdout).toBe('');
  });

  it('prints its version', async () => {
    expect(await main(['--version'], terminal)).toBe(0);
    expect(terminal.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('chatlog init', () => {
  it('writes the example, and overwrites nothing unless forced', async () => {
    await using directory = await tempDir('cli');
    const file = directory.join('config.yaml');
    expect(await chatlog(directory, 'init')).toBe(0);
    expect(terminal.stdout).toContain('chatlog check');
    const example = await readFile(file, 'utf8');
    await writeFile(file, 'mine');
    expect(await chatlog(directory, 'init')).toBe(2);
    expect(terminal.stderr).toContain('is there already');
    expect(await readFile(file, 'utf8')).toBe('mine');
    expect(await chatlog(directory, 'init', '--force')).toBe(0);
    expect(await readFile(file, 'utf8')).toBe(example);
  });
});

describe('a place that the file system refuses', () => {
  it('is named in a sentence with a hint', async () => {
    await using directory = await tempDir('cli');
    await writeFile(directory.join('file'), '');
    const config = directory.join('file', 'config.yaml');
    expect(await main(['init', '--config', config], terminal)).toBe(1);
    expect(terminal.stderr).toMatch(/the directory \S+file is no directory \(EEXIST\)/);
    expect(terminal.stderr).toContain('Choose another place.');
    await writeFile(directory.join('config.yaml'), 'data_dir: file/data\narchive: {directory: file/a}\n');
    expect(await chatlog(directory, 'check')).toBe(1);
    expect(terminal.stdout).toMatch(/storage .*archive\.directory \S+file\/a cannot be there: /);
  });
});

describe('chatlog run', () => {
  it('prints every problem of the configuration and starts nothing', async () => {
    await using directory = await tempDir('cli');
    await writeFile(directory.join('config.yaml'), 'twich: {}\nhttp: {port: x}\n');
    expect(await chatlog(directory, 'run')).toBe(2);
    expect(terminal.stderr).toContain(':1:1: twich: unknown key; did you mean "twitch"?');
    expect(terminal.stderr).toContain(':2:14: http.port: found "x"');
    expect(existsSync(directory.join('data'))).toBe(false);
  });

  it('records nothing where the configuration that was named is missing, and writes none', async () => {
    await using directory = await tempDir('cli');
    const file = directory.join('config.yaml');
    expect(await chatlog(directory, 'run')).toBe(2);
    expect(terminal.stderr).toContain('does not exist');
    expect(terminal.stderr).toContain(`chatlog init --config ${file}`);
    expect(existsSync(file)).toBe(false);
  });
});

describe('chatlog channels', () => {
  const FILE =
    '# mine\ntwitch:\n  channels:\n    - xqc # first\nirc:\n  net: {host: h, nick: n, channels: [{name: "#a", key: geheim}]}\n';

  it('adds, sets, lists and removes, and leaves the rest of the file alone', async () => {
    await using directory = await tempDir('cli');
    const file = directory.join('config.yaml');
    await writeFile(file, FILE);
    await chmod(file, 0o640);
    expect(await chatlog(directory, 'channels', 'add', 'Forsen', '#lirik')).toBe(0);
    expect(await chatlog(directory, 'channels', 'add', 'b', '--platform', 'irc-net')).toBe(0);
    expect(
      await chatlog(directory, 'channels', 'set', 'forsen', 'sampling_rate=.5', 'retention_days=forever'),
    ).toBe(0);
    expect(await chatlog(directory, 'channels', 'remove', 'lirik')).toBe(0);
    expect(await readFile(file, 'utf8')).toBe(
      FILE.replace(
        '# first\n',
        '# first\n    - name: forsen\n      sampling_rate: 0.5\n      retention_days: forever\n',
      ).replace('geheim}', 'geheim}, "#b"'),
    );
    expect((await stat(file)).mode & 0o777).toBe(0o640);
    expect(await chatlog(directory, 'channels', 'list', '--json')).toBe(0);
    expect(JSON.parse(terminal.stdout)).toMatchObject([
      { platform: 'twitch', name: 'xqc', samplingRate: 1 },
      { platform: 'twitch', name: 'forsen', samplingRate: 0.5, retentionDays: 'forever' },
      { platform: 'irc-net', name: '#a' },
      { platform: 'irc-net', name: '#b' },
    ]);
    expect(terminal.stdout).not.toContain('geheim');
    expect(await chatlog(directory, 'channels', 'list', '--platform', 'irc-net')).toBe(0);
    expect(terminal.stdout.trim().split('\n')).toHaveLength(3);
  });

  it('changes nothing where one of several names is wrong', async () => {
    await using directory = await tempDir('cli');
    const file = directory.join('config.yaml');
    await writeFile(file, FILE);
    expect(await chatlog(directory, 'channels', 'add', 'forsen', 'a b', 'xqc')).toBe(2);
    expect(terminal.stderr).toContain('"a b" should be a Twitch login');
    expect(await chatlog(directory, 'channels', 'set', 'xqc', 'sampling_rate=2', 'presense=true')).toBe(2);
    expect(terminal.stderr).toContain('sampling_rate: found "2", should be a number from 0 to 1');
    expect(terminal.stderr).toContain('unknown setting "presense"; did you mean "presence"?');
    expect(await readFile(file, 'utf8')).toBe(FILE);
  });

  it('adds what is new beside what is there already', async () => {
    await using directory = await tempDir('cli');
    const file = directory.join('config.yaml');
    await writeFile(file, FILE);
    expect(await chatlog(directory, 'channels', 'add', 'xqc', 'newone')).toBe(0);
    expect(terminal.stdout).toContain('"xqc" is there already');
    expect(terminal.stdout).toContain('added newone (twitch)');
    const after = FILE.replace('# first\n', '# first\n    - newone\n');
    expect(await readFile(file, 'utf8')).toBe(after);
    expect(await chatlog(directory, 'channels', 'add', 'xqc')).toBe(0);
    expect(terminal.stdout).toContain('"xqc" is there already');
    expect(terminal.stdout).not.toContain('added');
    expect(await readFile(file, 'utf8')).toBe(after);
  });

  it('removes a channel however often it is named', async () => {
    await using directory = await tempDir('cli');
    const file = directory.join('config.yaml');
    await writeFile(file, 'twitch:\n  channels: [xqc, XQC, a, "#xqc"]\n');
    expect(await chatlog(directory, 'channels', 'remove', 'xqc')).toBe(0);
    expect(await readFile(file, 'utf8')).toBe('twitch:\n  channels: [a]\n');
  });

  it('edits a file whose environment is not here, and says so', async () => {
    await using directory = await tempDir('cli');
    const file = directory.join('config.yaml');
    await writeFile(file, 'twitch: {username: a, oauth: "${CHATLOG_TEST_NOT_SET}", channels: [a]}\n');
    expect(await chatlog(directory, 'channels', 'add', 'b')).toBe(0);
    expect(await readFile(file, 'utf8')).toContain('channels: [a, b]');
    expect(terminal.stderr).toContain('has other problems');
  });

  it('writes through a symbolic link', async () => {
    await using directory = await tempDir('cli');
    await writeFile(directory.join('real.yaml'), FILE);
    await symlink('real.yaml', directory.join('config.yaml'));
    expect(await chatlog(directory, 'channels', 'add', 'forsen')).toBe(0);
    expect((await lstat(directory.join('config.yaml'))).isSymbolicLink()).toBe(true);
    expect(await readFile(directory.join('real.yaml'), 'utf8')).toContain('- forsen');
  });

  it('says how to make a configuration where there is none', async () => {
    await using directory = await tempDir('cli');
    expect(await chatlog(directory, 'channels', 'add', 'forsen')).toBe(2);
    expect(terminal.stderr).toContain('chatlog init');
    expect(await chatlog(directory, 'channels', 'list')).toBe(2);
    expect(terminal.stderr).toContain('chatlog init');
  });
});
