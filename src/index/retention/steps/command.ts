import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { ChatlogError } from '../../../lib/errors.ts';
import { storedLine } from '../../message-row.ts';
import { dayRows } from '../day-rows.ts';
import { DAY_MS, dayText } from '../due-ranges.ts';
import type { StepResult } from '../pipeline-state.ts';
import type { StepCall } from './step.ts';

const STDERR_TAIL_CHARS = 2_000;
const KILL_AFTER_MS = 5_000;

/**
 * Runs a program, without a shell, and writes the day's lines to its standard input as fast as it reads them. Exit code
 * 0 means done, also where it did not read to the end. Which run it is stands in CHATLOG_* variables; CHATLOG_KEY is the
 * same at every attempt, so that a program with effects of its own can tell a repetition.
 */
export async function command(call: StepCall<'command'>): Promise<StepResult> {
  const [program, ...args] = call.step.argv;
  // A group of its own, so that what it started ends with it.
  const child = spawn(program!, args, {
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true,
    env: { ...process.env, ...environment(call) },
  });
  const stderr = tailOf(child.stderr);
  const exited = new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) =>
      resolve(code === null ? `was ended by ${signal}` : `exit code ${code}`),
    );
  });
  const deadline = AbortSignal.timeout(call.step.timeout_seconds * 1000);
  const stop = AbortSignal.any([call.signal, deadline]);
  const kill = () => endGroup(child.pid);
  stop.addEventListener('abort', kill, { once: true });
  if (stop.aborted) kill();
  try {
    const [fed, outcome] = await Promise.allSettled([feed(child.stdin, exited, call, stop), exited]);
    call.signal.throwIfAborted();
    if (outcome.status === 'rejected') throw failure(call, String(outcome.reason?.message), '');
    if (deadline.aborted) throw failure(call, `took longer than ${call.step.timeout_seconds} s`, stderr());
    if (outcome.value !== 'exit code 0') throw failure(call, outcome.value, stderr());
    if (fed.status === 'rejected') throw fed.reason;
    return { lines: fed.value };
  } finally {
    stop.removeEventListener('abort', kill);
  }
}

function environment({ pipeline, platform, channel, dayMs, key }: StepCall): Record<string, string> {
  return {
    CHATLOG_PIPELINE: pipeline,
    CHATLOG_PLATFORM: platform,
    CHATLOG_CHANNEL: channel,
    CHATLOG_DAY: dayText(dayMs),
    CHATLOG_FROM: new Date(dayMs).toISOString(),
    CHATLOG_TO: new Date(dayMs + DAY_MS).toISOString(),
    CHATLOG_KEY: key,
  };
}

/** How many lines the program was given. What fails here is the database's; a program that stopped reading is heard by its exit. */
async function feed(
  stdin: Writable,
  exited: Promise<unknown>,
  { channelId, dayMs, tools }: StepCall,
  signal: AbortSignal,
): Promise<number> {
  const closed = new AbortController();
  stdin.on('error', () => closed.abort());
  exited.then(
    () => closed.abort(),
    () => closed.abort(),
  );
  const pages = dayRows((work) => tools.database.transaction(work), {
    channelId,
    dayMs,
    privacy: tools.privacy,
    signal,
  });
  let lines = 0;
  try {
    for await (const page of pages) {
      if (closed.signal.aborted) break;
      lines += page.length;
      const isTaken = stdin.write(page.map((row) => `${storedLine(row)}\n`).join(''));
      if (!isTaken) await once(stdin, 'drain', { signal: closed.signal }).catch(() => {});
    }
    return lines;
  } finally {
    stdin.end();
  }
}

function tailOf(stream: Readable): () => string {
  let tail = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    tail = (tail + text).slice(-STDERR_TAIL_CHARS);
  });
  return () => tail.trim();
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  const send = (signal: NodeJS.Signals) => {
    try {
      process.kill(-pid, signal);
    } catch {
      // It has ended already.
    }
  };
  send('SIGTERM');
  setTimeout(() => send('SIGKILL'), KILL_AFTER_MS).unref();
}

function failure({ step }: StepCall<'command'>, what: string, stderr: string): ChatlogError {
  const said = stderr === '' ? '' : `; it said: ${stderr}`;
  return new ChatlogError('step_failed', `${step.argv[0]}: ${what}${said}`, { retryable: true });
}
