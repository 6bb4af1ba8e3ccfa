/** The command line through `bin/chatlog.js`, alone and beside a running recorder. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { freePort } from '../support/free-port.ts';
import { startInspircd } from '../support/inspircd.ts';
import { chatLine, chatLines } from '../support/live-lines.ts';
import { compareTwitch, NOTHING_WRONG, recordedIn } from '../support/recorded.ts';
import { RunningChatlog } from '../support/run-chatlog.ts';
import { BIN, chatlog as command, NODE } from '../support/run-command.ts';
import { sampleLines } from '../support/segments.ts';
import { tempDir } from '../support/temp-dir.ts';
import { arrived, joined, runOnTwitch, twitchConfig } from '../support/twitch-run.ts';
import { startTwitchServer } from '../support/twitch-server.ts';

const EXAMPLE = new URL('../../config.example.yaml', import.meta.url);

/** Names outside this machine are not found: the example's channels are real ones. */
const NO_DNS = `--import=data:text/javascript,${encodeURIComponent(`
  import dns from 'node:dns';
  import { isIP } from 'node:net';
  const { lookup } = dns;
  dns.lookup = (host, ...rest) => isIP(host) ? lookup(host, ...rest) : rest.at(-1)(Object.assign(new Error('getaddrinfo ENOTFOUND ' + host), { code: 'ENOTFOUND' }));
`)}`;

test.concurrent('`run` without a configuration writes the example, says so, and prints the port that it took', async () => {
  await using directory = await tempDir();
  const child = spawn(NODE, [BIN, 'run'], {
    cwd: directory.path,
    env: { ...process.env, PORT: '0', NODE_OPTIONS: NO_DNS },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await once(child, 'spawn');
  const file = directory.join('config.yaml');
  await using chatlog = new RunningChatlog(child, directory.path, file, directory.join('data'));
  await chatlog.ready();
  expect(chatlog.output).toContain('There was no config.yaml: wrote one from the example.');
  expect(await readFile(file, 'utf8')).toBe(await readFile(EXAMPLE, 'utf8'));
  const port = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(chatlog.output)?.[1];
  expect(Number(port)).toBeGreaterThan(0);
  expect(await chatlog.url()).toBe(`http://127.0.0.1:${port}`);
  const { channels } = await chatlog.status();
  expect(channels.map(({ channel }) => channel)).toEqual(['twitch', 'twitchdev']);
  expect(await chatlog.stop()).toEqual({ code: 0, signal: null });
});

test.concurrent('`run` says in a sentence where it may not record to', async () => {
  await using directory = await tempDir();
  await writeFile(directory.join('file'), '');
  await writeFile(directory.join('config.yaml'), 'data_dir: file/data\n');
  const { code, stderr } = await command(directory.path, 'run');
  expect(code).toBe(1);
  expect(stderr).toMatch(/^chatlog: data_dir \S+file\/data cannot be there: .* \(ENOTDIR/);
  expect(stderr).toContain('Choose another place.');
});

test.concurrent('`init` writes a configuration once, and it is valid', async () => {
  await using directory = await tempDir();
  expect(await command(directory.path, 'init')).toMatchObject({ code: 0, stderr: '' });
  expect(await readFile(directory.join('config.yaml'), 'utf8')).toBe(await readFile(EXAMPLE, 'utf8'));
  await writeFile(directory.join('config.yaml'), '# mine\n');
  const again = await command(directory.path, 'init');
  expect(again.code).toBe(2);
  expect(again.stderr).toContain('is there already');
  expect(await readFile(directory.join('config.yaml'), 'utf8')).toBe('# mine\n');
  expect(await command(directory.path, 'init', '--force')).toMatchObject({ code: 0 });
  expect((await command(directory.path, 'channels', 'list')).stdout).toMatch(/twitchdev +yes +100 %/);
});

test.concurrent('`check` shows what works as a table and as JSON, and fails where something does not', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  const config = {
    ...twitchConfig(server, { directory: directory.path, channels: ['ann'] }),
    http: { port: 0 },
  };
  await writeFile(directory.join('config.yaml'), stringify(config));
  const fine = await command(directory.path, 'check');
  expect(fine).toMatchObject({ code: 0, stderr: '' });
  expect(fine.stdout).toMatch(/^WHAT +RESULT +DETAIL$/m);
  for (const what of ['configuration', 'data_dir', 'storage', 'twitch']) {
    expect(fine.stdout).toMatch(new RegExp(`^${what} +ok `, 'm'));
  }

  await server.close();
  const wrong = {
    ...config,
    irc: { pond: { host: '127.0.0.1', port: await freePort(), tls: false, nick: 'x' } },
  };
  await writeFile(directory.join('config.yaml'), stringify(wrong));
  const table = await command(directory.path, 'check');
  expect(table.code).toBe(1);
  expect(table.stdout).toMatch(/^twitch +failed +.*ECONNREFUSED/m);
  expect(table.stdout).toContain('nothing listens there: check host and port');
  const json = await command(directory.path, 'check', '--json');
  expect(json.code).toBe(1);
  const { ok, checks } = JSON.parse(json.stdout) as {
    ok: boolean;
    checks: { what: string; outcome: string }[];
  };
  expect(ok).toBe(false);
  const outcomes = Object.fromEntries(checks.map(({ what, outcome }) => [what, outcome]));
  expect(outcomes).toMatchObject({
    configuration: 'ok',
    data_dir: 'ok',
    storage: 'ok',
    twitch: 'failed',
    'irc-pond': 'failed',
  });
});

test.concurrent('a misspelt key is shown with its place and the key that was meant, by every command', async () => {
  await using directory = await tempDir();
  await writeFile(
    directory.join('config.yaml'),
    'twitch:\n  chanels:\n    - ann\nrecorder:\n  compression: zip\n',
  );
  for (const args of [['run'], ['check'], ['channels', 'list']]) {
    const { code, stderr } = await command(directory.path, ...args);
    expect(code, args.join(' ')).toBe(2);
    expect(stderr).toMatch(/config\.yaml:2:3\b.*chanels.*"?channels"?/);
    expect(stderr).toMatch(/config\.yaml:5:\d+\b.*compression.*zip.*zstd/);
    expect(stderr).toContain('2 problems');
  }
});

test.concurrent('`status` tells a running recorder from none, and a healthy one from one that is not', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  await writeFile(
    directory.join('config.yaml'),
    stringify({
      data_dir: 'data',
      ...twitchConfig(server, { directory: directory.path, channels: ['ann'] }),
    }),
  );
  const none = await command(directory.path, 'status');
  expect(none.code).toBe(1);
  expect(none.stderr).toContain('No recorder runs with data_dir');

  await using chatlog = await runOnTwitch(server, { directory: directory.path, channels: ['ann', 'bob'] });
  await joined(chatlog, 'ann', 'bob');
  const lines = chatLines('ann', 12);
  server.sayTo('ann', ...lines);
  await arrived(chatlog, lines);
  const table = await command(directory.path, 'status');
  expect(table).toMatchObject({ code: 0, stderr: '' });
  expect(table.stdout).toMatch(/^chatlog \S+, healthy, up /);
  expect(table.stdout).toMatch(/^twitch +ann +joined +13 .* 13 *$/m);
  expect(table.stdout).toMatch(/^twitch #1 +connected +2 /m);
  const json = await command(directory.path, 'status', '--json');
  expect(JSON.parse(json.stdout)).toMatchObject({
    healthy: true,
    channels: [
      { platform: 'twitch', channel: 'ann', state: 'joined', lines: 13 },
      { platform: 'twitch', channel: 'bob', state: 'joined' },
    ],
    upload: { oldestNotUploadedAt: null },
  });
  const byUrl = await command('/', 'status', '--url', await chatlog.url());
  expect(byUrl).toMatchObject({ code: 0 });

  await server.close();
  await chatlog.until('it is not healthy', async () => !(await chatlog.status()).healthy);
  const unwell = await command(directory.path, 'status');
  expect(unwell.code).toBe(1);
  expect(unwell.stdout).toMatch(/^chatlog \S+, not healthy, /);
  expect(unwell.stdout).toMatch(/^twitch: 0 of 2 channels joined/m);
  expect(unwell.stdout).toContain('ECONNREFUSED');
  await chatlog.kill();
  const killed = await command(directory.path, 'status');
  expect(killed).toMatchObject({ code: 1, stderr: expect.stringContaining('No recorder runs') });
});

test.concurrent('a second instance on the same data_dir is refused, and the first goes on', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  await using chatlog = await runOnTwitch(server, { directory: directory.path, channels: ['ann'] });
  await joined(chatlog, 'ann');
  const second = await command(directory.path, 'run');
  expect(second.code).toBe(1);
  expect(second.stderr + second.stdout).toContain('another chatlog records into');
  expect(second.stderr + second.stdout).toContain('stop it first, or give this one a data_dir of its own');
  expect(server.accepted, 'it came to nothing').toBe(1);
  expect((await command(directory.path, 'status')).code).toBe(0);
  const lines = chatLines('ann', 5);
  server.sayTo('ann', ...lines);
  await arrived(chatlog, lines);
  await chatlog.stop();
  expect(compareTwitch(await recordedIn(directory.path), lines)).toEqual(NOTHING_WRONG);
});

const SECRETS = {
  token: 'tok3n-of-the-recorder',
  accessKey: 'AKIAVERYSECRETKEYID1',
  secretKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  sessionToken: 'session/token+of=today',
  password: 'irc-server-passw0rd',
  otherPassword: 'another-passw0rd',
  sasl: 'sasl-passw0rd!',
  nickServ: 'nickserv-passw0rd',
  key: 'channel-k3y',
};

/** Servers of the kind that tells back what it was told. */
async function tactless(): Promise<{ ircPort: number; s3Url: string } & AsyncDisposable> {
  const irc = createServer((socket) => {
    socket.on('error', () => {});
    socket.setEncoding('utf8').on('data', (text: string) => {
      const password = /PASS :?(\S+)/.exec(text)?.[1];
      if (password) socket.end(`ERROR :Closing link: "${password}" is not the password\r\n`);
    });
  });
  const s3 = createHttpServer((request, response) => {
    const message = `No key ${SECRETS.accessKey} with ${SECRETS.secretKey} (${request.headers['x-amz-security-token']})`;
    response.writeHead(403, { 'content-type': 'application/xml' });
    response.end(`<Error><Code>InvalidAccessKeyId</Code><Message>${message}</Message></Error>`);
  });
  for (const server of [irc, s3]) await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    ircPort: (irc.address() as AddressInfo).port,
    s3Url: `http://127.0.0.1:${(s3.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      irc.close();
      s3.close();
      s3.closeAllConnections();
    },
  };
}

test.concurrent('no secret is ever printed or recorded, however things go wrong', async () => {
  await using directory = await tempDir();
  await using others = await tactless();
  await using server = await startTwitchServer({ accounts: { recorder: 'another-token' } });
  await using ircd = await startInspircd({ password: SECRETS.password });
  const network = {
    host: '127.0.0.1',
    tls: false,
    nick: 'recorder',
    backoff: { min_seconds: 0.05, max_seconds: 0.3 },
  };
  const config = {
    irc: {
      pond: {
        ...network,
        port: ircd.port,
        server_password: SECRETS.password,
        sasl: { account: 'recorder', password: SECRETS.sasl },
        nickserv_password: SECRETS.nickServ,
        channels: [{ name: '#pond', key: SECRETS.key }],
      },
      refused: {
        ...network,
        port: others.ircPort,
        server_password: SECRETS.otherPassword,
        channels: ['#pond'],
      },
    },
    s3: {
      bucket: 'nowhere',
      endpoint: others.s3Url,
      access_key_id: SECRETS.accessKey,
      secret_access_key: SECRETS.secretKey,
      session_token: SECRETS.sessionToken,
    },
    log: { level: 'debug' },
  };
  const twitch = { username: 'recorder', oauth: `oauth:${SECRETS.token}` };
  const options = { directory: directory.path, channels: ['ann'], twitch, config };
  // Something to upload, so that the storage has something to say.
  await mkdir(directory.join('data', 'sealed'), { recursive: true });
  await writeFile(directory.join('data/sealed/twitch_ann_20260101_0000.jsonl'), sampleLines(3));
  await using chatlog = await runOnTwitch(server, options);
  await chatlog.until('everything that can fail has failed, and IRC is joined', async () => {
    const { channels, connections, upload } = await chatlog.status();
    return (
      upload.lastError !== null &&
      channels.some(({ platform, state }) => platform === 'irc-pond' && state === 'joined') &&
      connections.some(
        ({ platform, reason }) => platform === 'twitch' && reason?.includes('authentication'),
      ) &&
      connections.some(
        ({ platform, reason }) => platform === 'irc-refused' && reason?.includes('not the password'),
      )
    );
  });
  const texts = [
    await chatlog.get('/status'),
    await chatlog.get('/health'),
    await chatlog.get('/metrics'),
    await command(directory.path, 'status'),
    await command(directory.path, 'check'),
    await command(directory.path, 'channels', 'list', '--json'),
  ].map((each) => JSON.stringify(each));
  await writeFile(chatlog.configFile, `${await readFile(chatlog.configFile, 'utf8')}\nnonsense: 1\n`);
  await chatlog.until('a broken edit is reported', () => chatlog.output.includes('nonsense'));
  texts.push(JSON.stringify(await command(directory.path, 'check')));
  await chatlog.stop();
  const recorded = JSON.stringify(await recordedIn(directory.path));
  expect(
    server.received.map(({ line }) => line),
    'the token was used',
  ).toContain(`PASS oauth:${SECRETS.token}`);
  for (const [name, secret] of Object.entries(SECRETS)) {
    expect(chatlog.output, `${name} in the log`).not.toContain(secret);
    expect(recorded, `${name} in the archive`).not.toContain(secret);
    for (const text of texts) expect(text, `${name} in an answer`).not.toContain(secret);
  }
});

/** Every fdatasync takes so long: longer than a stop may. */
const SLOW_DISK = [
  ...['strace', '-f', '-qq', '-o', '/dev/null'],
  ...['-e', 'trace=fdatasync', '-e', 'inject=fdatasync:delay_enter=6000000'],
];

test.concurrent.each([
  ['a stop that takes too long is given up within three seconds', 1],
  ['a second signal ends a stop at once', 2],
])('%s', async (_, signals) => {
  await using directory = await tempDir();
  await using server = await startTwitchServer({ tls: false });
  await using chatlog = await runOnTwitch(server, {
    directory: directory.path,
    channels: ['ann'],
    wrapper: SLOW_DISK,
  });
  await joined(chatlog, 'ann');
  server.sayTo('ann', chatLine('ann', 'on its way to a disk that hangs'));
  chatlog.signal('SIGTERM');
  const stopping = () =>
    chatlog.log().find(({ msg }) => msg.includes('a second signal would end it at once'));
  await chatlog.until('it says that it stops', () => stopping() !== undefined);
  if (signals === 2) chatlog.signal('SIGTERM');
  // strace sees the end only when the wait of its thread is over; the log tells when Chatlog gave up.
  expect((await chatlog.exited).code).not.toBe(0);
  const gaveUp = chatlog.log().find(({ msg }) => msg.includes('could not stop in time'));
  if (signals === 2) expect(gaveUp).toBeUndefined();
  else expect(Date.parse(String(gaveUp!.time)) - Date.parse(String(stopping()!.time))).toBeLessThan(3_000);
});
