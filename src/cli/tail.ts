/** `chatlog tail`: follows a running instance's live feed in the terminal. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiErrorBody } from '../api/api-error.ts';
import type { ChatEvent } from '../event.ts';
import { ChatlogError, errorText } from '../lib/errors.ts';
import { escapeControl } from '../lib/escape-control.ts';
import { onSignals } from '../lib/on-signals.ts';
import { type ChatPaint, chatLine } from './chat-line.ts';
import { EXIT } from './exit-code.ts';
import { forTerminal } from './for-terminal.ts';
import { openConfig } from './open-config.ts';
import { runningInstance } from './running-instance.ts';
import { serverSentEvents } from './server-sent-events.ts';
import type { Terminal } from './terminal.ts';

export interface TailOptions {
  config: string;
  url?: string;
  token?: string;
  channel?: string[];
  platform?: string[];
  user?: string;
  type?: string;
  search?: string;
  since?: string;
  json?: boolean;
}

const PAUSE_MS = 1_000;
const PAUSE_MAX_MS = 30_000;
/** The feed says something every 15 seconds. */
const SILENCE_MS = 45_000;

/** Until it is stopped, or nobody reads what it prints. Fails where the instance refuses, or was never reached. */
export async function tail(options: TailOptions, terminal: Terminal): Promise<number> {
  const found = await findInstance(options, terminal);
  if ('exitCode' in found) return found.exitCode;
  const stop = new AbortController();
  const end = () => stop.abort();
  const removeSignals = onSignals({ stop: end, reload() {} });
  process.stdout.once('error', end).once('close', end);
  try {
    await follow(options, found, terminal, stop.signal);
    return EXIT.ok;
  } catch (error) {
    if (stop.signal.aborted) return EXIT.ok;
    throw error;
  } finally {
    removeSignals();
    process.stdout.off('error', end).off('close', end);
  }
}

interface Instance {
  url: string;
  token: string | undefined;
}

async function findInstance(
  { url, token, config: file }: TailOptions,
  terminal: Terminal,
): Promise<Instance | { exitCode: number }> {
  if (url !== undefined) {
    if (/^https?:/i.test(url) && URL.canParse(url)) return { url, token };
    terminal.err(`--url should be an address such as http://127.0.0.1:8080, found "${escapeControl(url)}"`);
    return { exitCode: EXIT.usage };
  }
  const loaded = await openConfig(file, terminal);
  if (!loaded) return { exitCode: EXIT.usage };
  const instance = await runningInstance(loaded.config.data_dir);
  if (instance?.url) return { url: instance.url, token: token ?? instance.localToken };
  if (instance) terminal.err(`A recorder runs (pid ${instance.pid}), but its HTTP server does not listen.`);
  else
    terminal.err(
      `No recorder runs with data_dir ${loaded.config.data_dir}.\nStart one with "chatlog run --config ${file}", or name another one with --url.`,
    );
  return { exitCode: EXIT.failed };
}

/** Comes back after every loss of the connection, behind the last line that it had. */
async function follow(
  options: TailOptions,
  instance: Instance,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const printer = new Printer(options.json ?? false, terminal);
  let lastEventId = '';
  let pauseMs = PAUSE_MS;
  let wasThere = false;
  for (;;) {
    try {
      for await (const event of connected(options, instance, lastEventId, signal)) {
        if (event === 'open') {
          if (wasThere) terminal.err('Connected again.');
          wasThere = true;
          continue;
        }
        lastEventId = event.id;
        pauseMs = PAUSE_MS;
        await printer.print(event.name, event.data, signal);
      }
      throw new ChatlogError('connection_lost', 'the other side closed the connection');
    } catch (error) {
      signal.throwIfAborted();
      const isFinal = error instanceof ChatlogError && !error.retryable && error.code !== 'connection_lost';
      if (isFinal || !wasThere) throw explained(error, instance.url);
      const { cause } = error as { cause?: unknown };
      terminal.err(
        escapeControl(
          `Connection lost: ${errorText(cause ?? error)}. Trying again in ${Math.round(pauseMs / 1000)} s.`,
        ),
      );
    }
    await sleep(pauseMs, undefined, { signal });
    pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS);
  }
}

function explained(error: unknown, url: string): unknown {
  if (error instanceof ChatlogError) return error;
  const { cause = error } = error as { cause?: unknown };
  return new ChatlogError('instance_unreachable', `${url} does not answer: ${errorText(cause)}`, {
    cause: error,
  });
}

/** One connection: `open` once it stands, then its events. Ends, or throws, where it is lost. */
async function* connected(
  options: TailOptions,
  { url, token }: Instance,
  lastEventId: string,
  signal: AbortSignal,
) {
  const lost = new AbortController();
  const silence = setTimeout(
    () => lost.abort(new ChatlogError('connection_lost', 'nothing was heard any more')),
    SILENCE_MS,
  );
  try {
    const response = await fetch(liveUrl(options, url), {
      headers: {
        accept: 'text/event-stream',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(lastEventId !== '' && { 'last-event-id': lastEventId }),
      },
      signal: AbortSignal.any([signal, lost.signal]),
    });
    if (!response.ok || !response.body) throw await refusal(response);
    if (!response.headers.get('content-type')?.startsWith('text/event-stream'))
      throw new ChatlogError('no_chatlog', `${url} is no Chatlog with a live feed`);
    yield 'open' as const;
    const { body } = response;
    const heard = async function* () {
      for await (const chunk of body) {
        silence.refresh();
        yield chunk;
      }
    };
    yield* serverSentEvents(heard());
  } finally {
    clearTimeout(silence);
    lost.abort();
  }
}

function liveUrl(options: TailOptions, base: string): URL {
  const url = new URL('api/live', base.endsWith('/') ? base : `${base}/`);
  const { channel, platform, user, type, search, since } = options;
  const parameters = {
    channel: channel?.join(','),
    platform: platform?.join(','),
    user,
    type,
    search,
    since,
  };
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined) url.searchParams.set(name, value);
  return url;
}

async function refusal(response: Response): Promise<ChatlogError> {
  const { error } = ((await response.json().catch(() => undefined)) ?? {}) as Partial<ApiErrorBody>;
  return new ChatlogError(
    error?.code ?? 'refused',
    escapeControl(error?.message ?? `the answer was ${response.status}`),
    {
      hint: error?.hint === undefined ? undefined : escapeControl(error.hint),
      retryable: response.status >= 500 || response.status === 429,
    },
  );
}

class Printer {
  readonly #isJson: boolean;
  readonly #terminal: Terminal;
  readonly #paint: ChatPaint;

  constructor(isJson: boolean, terminal: Terminal) {
    this.#isJson = isJson;
    this.#terminal = terminal;
    const colorDepth = process.stdout.isTTY ? process.stdout.getColorDepth() : 1;
    this.#paint = { style: (style, text) => terminal.style(style, text), colorDepth };
  }

  /** Waits where nobody reads so fast. */
  async print(name: string, data: string, signal: AbortSignal): Promise<void> {
    if (name === 'dropped') {
      const { lines } = JSON.parse(data) as { lines: number };
      this.#terminal.err(`${lines} lines are missing here: they came faster than they were read.`);
    } else if (name === 'message') {
      this.#terminal.out(this.#isJson ? forTerminal(data) : this.#readable(data));
      if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain', { signal });
    }
  }

  #readable(data: string): string {
    try {
      return chatLine(JSON.parse(data) as ChatEvent, this.#paint);
    } catch {
      return escapeControl(data);
    }
  }
}
