/**
 * A throw-away Ceph RGW on 127.0.0.1: a real S3 server (signatures, create-only puts, multipart) from Debian's packages,
 * started in about two seconds. Monitor, one in-memory OSD and the gateway live in a temporary directory and on free
 * ports of their own; nothing survives {@link Rgw.stop} or the death of this process.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { accessSync, constants, openSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

const PROGRAMS = ['ceph-mon', 'ceph-osd', 'radosgw', 'radosgw-admin', 'ceph', 'monmaptool'];
const START_DEADLINE_MS = 60_000;

export interface Rgw {
  endpoint: string;
  accessKeyId: string;
  secretAccessKey: string;
  stop(): void;
}

/** Throws, naming the Debian packages, where a program is missing. */
export async function startRgw(): Promise<Rgw> {
  requirePrograms();
  const directory = await mkdtemp(join(tmpdir(), 'chatlog-rgw-'));
  const children: ChildProcess[] = [];
  const stop = (): void => {
    for (const child of children.reverse()) child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    process.off('exit', stop);
  };
  process.once('exit', stop);
  try {
    return await bringUp(directory, children, stop);
  } catch (error) {
    const logs = await collectLogs(directory);
    stop();
    throw new Error(`Ceph RGW did not start.\n${logs}`, { cause: error });
  }
}

async function bringUp(directory: string, children: ChildProcess[], stop: () => void): Promise<Rgw> {
  const [monitorPort, port] = await Promise.all([freePort(), freePort()]);
  const fsid = randomUUID();
  for (const name of ['mon', 'osd', 'log', 'crash']) await mkdir(join(directory, name));
  await writeFile(join(directory, 'ceph.conf'), configuration(directory, fsid, monitorPort, port));
  const env = { ...process.env, CEPH_CONF: join(directory, 'ceph.conf') };
  const tool = (program: string, ...args: string[]) => run(program, args, { env, timeout: 30_000 });
  const daemon = (program: string, ...args: string[]): void => {
    children.push(spawnDaemon(directory, program, args, env));
  };
  const monmap = join(directory, 'monmap');
  await tool(
    'monmaptool',
    '--create',
    '--fsid',
    fsid,
    '--addv',
    'a',
    `[v2:127.0.0.1:${monitorPort}]`,
    monmap,
  );
  await tool('ceph-mon', '--mkfs', '-i', 'a', '--monmap', monmap);
  daemon('ceph-mon', '-f', '-i', 'a');
  const osd = randomUUID();
  await until(() => tool('ceph', 'osd', 'new', osd));
  await tool('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', osd);
  daemon('ceph-osd', '-f', '-i', '0');
  daemon('radosgw', '-f', '-n', 'client.rgw');
  const accessKeyId = 'chatlogtest';
  const secretAccessKey = randomUUID();
  await until(() =>
    tool(
      'radosgw-admin',
      ...['-n', 'client.rgw', 'user', 'create', '--uid=chatlog', '--display-name=chatlog'],
      ...[`--access-key=${accessKeyId}`, `--secret=${secretAccessKey}`],
    ),
  );
  const endpoint = `http://127.0.0.1:${port}`;
  await until(async () => {
    const reply = await fetch(endpoint);
    await reply.arrayBuffer();
    if (!reply.ok) throw new Error(`the gateway answers ${reply.status}`);
  });
  return { endpoint, accessKeyId, secretAccessKey, stop };
}

/** No authentication between the daemons: everything is bound to the loopback interface. */
function configuration(directory: string, fsid: string, monitorPort: number, port: number): string {
  return `[global]
fsid = ${fsid}
mon host = [v2:127.0.0.1:${monitorPort}]
ms bind msgr1 = false
ms mon client mode = crc secure
ms mon service mode = crc secure
ms mon cluster mode = crc secure
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon max pg per osd = 10000
osd max pg per osd hard ratio = 100
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 8589934592
osd max object name len = 2048
run dir = ${directory}
admin socket = ${directory}/$name.asok
log file = ${directory}/log/$name.log
crash dir = ${directory}/crash
mon data avail crit = 1
mon data avail warn = 2
paxos propose interval = 0.05
paxos min wait = 0.01
osd heartbeat grace = 60
[mon.a]
mon data = ${directory}/mon
[osd.0]
osd data = ${directory}/osd
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:${port}
rgw enable gc threads = false
rgw enable lc threads = false
rgw run sync thread = false
rgw dynamic resharding = false
rgw enable quota threads = false
rgw thread pool size = 32
`;
}

function spawnDaemon(
  directory: string,
  program: string,
  args: string[],
  env: NodeJS.ProcessEnv,
): ChildProcess {
  const log = openSync(join(directory, 'log', `${program}.out`), 'a');
  // The daemon dies with this process even where that is killed and cleans up nothing.
  const [command, commandArgs] = isInstalled('setpriv')
    ? ['setpriv', ['--pdeathsig', 'KILL', program, ...args]]
    : [program, args];
  return spawn(command, commandArgs, { env, stdio: ['ignore', log, log] });
}

function requirePrograms(): void {
  const missing = PROGRAMS.filter((program) => !isInstalled(program));
  if (missing.length === 0) return;
  throw new Error(
    `The tests need a real S3 server, and ${missing.join(', ')} is not installed. Either\n` +
      '  apt-get install --no-install-recommends radosgw ceph-mon ceph-osd ceph-common\n' +
      'or start Docker, or set TEST_S3_ENDPOINT, TEST_S3_ACCESS_KEY_ID and TEST_S3_SECRET_ACCESS_KEY.',
  );
}

function isInstalled(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

async function until(attempt: () => Promise<unknown>): Promise<void> {
  const deadlineMs = Date.now() + START_DEADLINE_MS;
  for (;;) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (Date.now() > deadlineMs) throw error;
      await sleep(50);
    }
  }
}

async function collectLogs(directory: string): Promise<string> {
  const texts = ['ceph-mon', 'ceph-osd', 'radosgw'].map(async (program) => {
    const text = await readFile(join(directory, 'log', `${program}.out`), 'utf8').catch(() => '');
    return `${program}: ${text.slice(-1000)}`;
  });
  return (await Promise.all(texts)).join('\n');
}
