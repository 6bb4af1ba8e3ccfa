/**
 * A real IRC server (Debian's `inspircd`) on 127.0.0.1, with the IRCv3 modules that it has and without its brakes
 * against floods. `scripts/install-test-servers.sh` installs it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { testAuthority } from './certificates.ts';
import { freePort } from './free-port.ts';
import { type TempDir, tempDir } from './temp-dir.ts';
import { waitFor } from './wait-for.ts';

export interface InspircdOptions {
  /** Everyone must give it with PASS. */
  password?: string;
  /** Of a server that was closed, to start it again. Default: free ones. */
  ports?: { port: number; tlsPort: number };
}

export interface Inspircd extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** The port with TLS. Its certificate is for `localhost` and 127.0.0.1... */
  readonly tlsPort: number;
  /** ...from this authority (a PEM file). */
  readonly caFile: string;
  /** Ends the server at once, as a crash would: every connection breaks. */
  close(): Promise<void>;
}

const PROGRAM = '/usr/sbin/inspircd';
const STARTS_MAX = 3;

/** Starts a server and resolves when it takes connections. Rejects with its last words where it does not start. */
export async function startInspircd(options: InspircdOptions = {}): Promise<Inspircd> {
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: run scripts/install-test-servers.sh`);
  const directory = await tempDir('inspircd');
  const authority = await testAuthority();
  const { cert, key } = await authority.issue(['localhost']);
  await writeFile(directory.join('cert.pem'), cert);
  await writeFile(directory.join('key.pem'), key);
  for (let start = 1; ; start++) {
    const { port, tlsPort } = options.ports ?? { port: await freePort(), tlsPort: await freePort() };
    await writeFile(directory.join('inspircd.conf'), configuration(directory, port, tlsPort, options));
    try {
      const child = await launch(directory, [port, tlsPort]);
      const close = async () => {
        await kill(child);
        await directory[Symbol.asyncDispose]();
      };
      const { caFile } = authority;
      return { host: '127.0.0.1', port, tlsPort, caFile, close, [Symbol.asyncDispose]: close };
    } catch (error) {
      // Somebody else may have taken the port since it was found free.
      if (start === STARTS_MAX) throw error;
    }
  }
}

async function launch(directory: TempDir, ports: readonly number[]): Promise<ChildProcess> {
  const log = directory.join('output.log');
  const asRoot = process.getuid?.() === 0 ? ['--runasroot'] : [];
  const command = `exec ${PROGRAM} --nofork --nopid "$@" >"$LOG" 2>&1`;
  const args = ['--config', directory.join('inspircd.conf'), ...asRoot];
  const child = spawn('/bin/sh', ['-c', command, 'inspircd', ...args], {
    // A crash leaves its core there, not in the checkout.
    cwd: directory.path,
    env: { ...process.env, LOG: log },
    stdio: 'ignore',
  });
  try {
    for (const port of ports) {
      await waitFor(`inspircd listens on ${port}`, () => ended(child) || listens(port), {
        timeoutMs: 20_000,
      });
    }
    if (ended(child)) throw new Error(`inspircd ended with ${child.exitCode ?? child.signalCode}`);
    return child;
  } catch (error) {
    await kill(child);
    const output = await readFile(log, 'utf8').catch(() => '');
    throw new Error(`inspircd did not start\n${output}`, { cause: error });
  }
}

function ended(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function kill(child: ChildProcess): Promise<void> {
  if (ended(child)) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('close', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

const MODULES = [
  'cap',
  'chghost',
  'ircv3',
  'ircv3_accounttag',
  'ircv3_batch',
  'ircv3_capnotify',
  'ircv3_chghost',
  'ircv3_ctctags',
  'ircv3_echomessage',
  'ircv3_invitenotify',
  'ircv3_labeledresponse',
  'ircv3_msgid',
  'ircv3_servertime',
  'monitor',
  'namesx',
  'services_account',
  'setname',
  'ssl_gnutls',
];

function configuration(directory: TempDir, port: number, tlsPort: number, options: InspircdOptions): string {
  const password = options.password === undefined ? '' : ` password="${options.password}"`;
  return [
    '<config format="xml">',
    '<server name="irc.test" description="Chatlog test server" network="ChatlogTest" id="97K">',
    '<admin name="Test" nick="test" email="test@localhost">',
    `<path configdir="${directory.path}" datadir="${directory.path}" logdir="${directory.path}" runtimedir="${directory.path}">`,
    ...MODULES.map((name) => `<module name="${name}">`),
    `<sslprofile name="test" provider="gnutls" certfile="${directory.join('cert.pem')}" keyfile="${directory.join('key.pem')}">`,
    `<bind address="127.0.0.1" port="${port}" type="clients">`,
    `<bind address="127.0.0.1" port="${tlsPort}" type="clients" sslprofile="test">`,
    `<connect name="everyone" allow="*" resolvehostnames="no" timeout="20" pingfreq="120" fakelag="off" threshold="10000"` +
      ` commandrate="1000000" hardsendq="64M" softsendq="64M" recvq="1M" localmax="10000" globalmax="10000" maxchans="10000"${password}>`,
    '<performance softlimit="10000" clonesonconnect="no" somaxconn="128">',
    '<channels users="10000" opers="10000">',
    '<options defaultmodes="not">',
    '<log method="file" type="* -USERINPUT -USEROUTPUT" level="default" target="inspircd.log">',
    '',
  ].join('\n');
}
