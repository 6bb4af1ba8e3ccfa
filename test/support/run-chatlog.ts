/**
 * Chatlog as its users run it: a process of its own, started on a configuration file in a temporary directory, with
 * the pinned Node. What it says is read as JSON; where its HTTP server is, from `state/run.json` in its data directory.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { StatusReport } from '../../src/api/status.ts';
import { parseMetrics, type Sample } from './parse-metrics.ts';
import { waitFor } from './wait-for.ts';

export interface RunOptions {
  /** Holds configuration, data and archive; the working directory of the process. Made where it is missing. */
  directory: string;
  /** As YAML has it. `data_dir`, `archive.directory`, `http.port`, `index.enabled` and `log.format` are set where they are left out. */
  config: Record<string, unknown>;
  /** Put before the command: `['strace', '-f', ...]`, `['faketime', '+1h']`. */
  wrapper?: readonly string[];
  env?: Record<string, string>;
}

/** One line of the log. */
export interface LogRecord {
  level: number | string;
  msg: string;
  [field: string]: unknown;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const NODE = join(ROOT, 'node_modules/.bin/node');
const MAIN = join(ROOT, 'src/main.ts');

/** Starts `chatlog run`; resolves when its process runs. Wait for what you need: {@link RunningChatlog.ready}. */
export async function runChatlog(options: RunOptions): Promise<RunningChatlog> {
  const { directory, wrapper = [], env = {} } = options;
  await mkdir(directory, { recursive: true });
  const configFile = join(directory, 'config.yaml');
  await writeFile(configFile, stringify(withDefaults(options.config)));
  const dataDir = join(directory, String(options.config.data_dir ?? 'data'));
  // What a run before this one left there would be taken for ours.
  await rm(join(dataDir, 'state', 'run.json'), { force: true });
  const [program, ...args] = [...wrapper, NODE, MAIN, 'run', '--config', configFile];
  const child = spawn(program!, args, {
    cwd: directory,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await once(child, 'spawn');
  return new RunningChatlog(child, directory, configFile, dataDir);
}

export class RunningChatlog implements AsyncDisposable {
  readonly directory: string;
  readonly configFile: string;
  readonly dataDir: string;
  readonly child: ChildProcess;
  readonly exited: Promise<Exit>;
  #exit: Exit | undefined;
  #output = '';

  constructor(child: ChildProcess, directory: string, configFile: string, dataDir: string) {
    this.child = child;
    this.directory = directory;
    this.configFile = configFile;
    this.dataDir = dataDir;
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
    this.exited = once(child, 'close').then(([code, signal]) => {
      this.#exit = { code, signal };
      return this.#exit;
    });
  }

  /** Undefined while it runs. */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** Standard output and standard error, as they came. */
  get output(): string {
    return this.#output;
  }

  /** The lines of the output that are log records. */
  log(): LogRecord[] {
    return this.#output.split('\n').flatMap((line) => {
      if (!line.startsWith('{')) return [];
      try {
        return [JSON.parse(line) as LogRecord];
      } catch {
        // The last line may be half there.
        return [];
      }
    });
  }

  /** The root of its HTTP server, as soon as it says where that is. */
  url(): Promise<string> {
    return this.#wait('state/run.json', async () => {
      const text = await readFile(join(this.dataDir, 'state', 'run.json'), 'utf8');
      return (JSON.parse(text) as { url: string }).url.replace(/\/$/, '');
    });
  }

  /** Resolves when it says that it is ready. */
  async ready(): Promise<this> {
    const url = await this.url();
    await this.#wait('/health/ready answers 200', async () => (await fetch(`${url}/health/ready`)).ok);
    return this;
  }

  /** The body of a GET, parsed where it is JSON. */
  async get(path: string): Promise<unknown> {
    const response = await fetch((await this.url()) + path);
    const text = await response.text();
    return response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text;
  }

  /** What `chatlog status` asks for. */
  status(): Promise<StatusReport> {
    return this.get('/status') as Promise<StatusReport>;
  }

  async metrics(): Promise<Sample[]> {
    return parseMetrics(String(await this.get('/metrics')));
  }

  /** Polls until true; fails at once when the process ends, and shows the end of its log when it fails. */
  async until(what: string, probe: () => boolean | Promise<boolean>, timeoutMs?: number): Promise<void> {
    await this.#wait(what, probe, timeoutMs);
  }

  /** Sends a signal to Chatlog itself, past any wrapper. */
  signal(signal: NodeJS.Signals): void {
    const pid = this.#exit ? undefined : this.#pid();
    if (pid !== undefined) process.kill(pid, signal);
  }

  /** Asks it to stop and waits until it did. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.signal(signal);
    return this.exited;
  }

  /** kill -9 */
  kill(): Promise<Exit> {
    return this.stop('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#exit) return;
    // Chatlog before its wrapper: without its tracer it would run on.
    this.signal('SIGKILL');
    this.child.kill('SIGKILL');
    await this.exited;
  }

  #wait<T>(what: string, probe: () => T | Promise<T>, timeoutMs = 30_000) {
    return waitFor(what, probe, {
      timeoutMs,
      hopeless: () => this.#exit && `Chatlog ended (${this.#exit.signal ?? `code ${this.#exit.code}`})`,
      context: () => `--- the end of its output\n${this.#output.slice(-4_000)}`,
    });
  }

  /** The process of Chatlog itself, where a wrapper (strace) stands before it. */
  #pid(): number | undefined {
    for (let pid = this.child.pid; pid !== undefined; pid = childOf(pid)) {
      if (programOf(pid) === realpathSync(NODE)) return pid;
    }
    return this.child.pid;
  }
}

function programOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    // Ended meanwhile.
    return undefined;
  }
}

function childOf(pid: number): number | undefined {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return children === '' ? undefined : Number(children.split(' ')[0]);
  } catch {
    return undefined;
  }
}

function withDefaults(config: Record<string, unknown>): Record<string, unknown> {
  return {
    data_dir: 'data',
    archive: { directory: 'archive' },
    ...config,
    http: { port: 0, ...(config.http as object | undefined) },
    // An embedded database is much work for a small machine: only where a test asks for one.
    index: { enabled: config.database_url !== undefined, ...(config.index as object | undefined) },
    log: { format: 'json', ...(config.log as object | undefined) },
  };
}
