/**
 * The process's log: JSON lines (pino) on one file descriptor, or readable text on a terminal.
 *
 * Every line passes through `redact`: values of known secrets and of keys that hold secrets never come out, and no
 * character comes out that a terminal would obey. Writing never throws; what a stalled reader holds up is kept up to
 * `LogSink`'s bound, then dropped and counted. The recorder does not write through here.
 */
import { isatty } from 'node:tty';
import { pino } from 'pino';
import { errorText } from './errors.ts';
import { escapeControl } from './escape-control.ts';
import { LogSink } from './log-sink.ts';
import type { Logger } from './logger.ts';
import { redactor } from './redact.ts';
import { serializeError } from './serialize-error.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFormat = 'auto' | 'json' | 'pretty';

export interface AppLogger extends Logger {
  /** Takes effect at once, on every child too. */
  setLevel(level: LogLevel): void;
  /** Replaces the values that are not to be shown. */
  setSecrets(secrets: readonly string[]): void;
  /** Waits shortly until what was logged is written. */
  flush(): void;
}

export interface LoggerOptions {
  level: LogLevel;
  /** `auto`: readable on a terminal, JSON elsewhere. */
  format: LogFormat;
  secrets?: readonly string[];
  /** File descriptor; standard output when left out. */
  fd?: number;
  /** Milliseconds since the epoch. */
  now?: () => number;
}

const LEVELS: Readonly<Record<LogLevel, number>> = { debug: 20, info: 30, warn: 40, error: 50 };

/** What a logger and all of its children have in common. */
interface Shared {
  level: number;
  redact: (line: object) => object;
}

export async function createLogger(options: LoggerOptions): Promise<AppLogger> {
  const fd = options.fd ?? 1;
  const now = options.now ?? Date.now;
  const terminal = isatty(fd);
  const isPretty = options.format === 'pretty' || (options.format === 'auto' && terminal);
  const render = isPretty ? await prettyRenderer(terminal && !process.env.NO_COLOR) : renderJson;
  const sink = new LogSink(fd);
  const shared: Shared = { level: LEVELS[options.level], redact: redactor(options.secrets ?? []) };
  const root = pino(
    {
      level: 'debug',
      base: null,
      timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: serializeError, error: serializeError },
    },
    { write: (line) => sink.write(render(shared.redact(JSON.parse(line)))) },
  );
  return {
    ...wrap(root, shared),
    setLevel: (level) => {
      shared.level = LEVELS[level];
    },
    setSecrets: (secrets) => {
      shared.redact = redactor(secrets);
    },
    flush: () => sink.flush(),
  };
}

/** A child of pino keeps the level that its parent had: here all ask the same one. */
function wrap(logger: pino.Logger, shared: Shared): Logger {
  const at = (level: LogLevel) => (fields: object, message: string) => {
    if (shared.level > LEVELS[level]) return;
    try {
      logger[level](fields, message);
    } catch (error) {
      // Fields with a getter that throws, or the like: the message itself must come out.
      logger[level]({ logError: errorText(error) }, message);
    }
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => wrap(logger.child(fields), shared),
  };
}

type Render = (line: object) => string;

/** Everything unseen stands inside of JSON strings, where `\uXXXX` is the same character. */
const renderJson: Render = (line) => `${escapeControl(JSON.stringify(line))}\n`;

/** Loaded only where it is used. */
async function prettyRenderer(colours: boolean): Promise<Render> {
  const { prettyLine } = await import('./pretty-line.ts');
  return (line) => `${prettyLine(line, colours)}\n`;
}
