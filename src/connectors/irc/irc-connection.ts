/**
 * One connection to an IRC server, from the first byte to the last: connect, capabilities, login, and then lines.
 * Registration, SASL, nicks and PING answers are irc-framework's, which sees protocol lines only; chat lines never
 * pay for its parser.
 *
 *     open() ──001 and capabilities──> open ──any trouble, close()──> closed        (never reopened)
 *        └──────────────any trouble────────────────────────────────────^
 *
 * What ends it: the socket, the server's ERROR, a server that does not answer a PING (a dead socket looks like a
 * quiet one), a registration that takes too long. Nothing is read while the sink is full, and a connection that is
 * silent because of that is not taken for dead.
 */
import Client from 'irc-framework/src/client.js';
import { ChatlogError, errorText } from '../../lib/errors.ts';
import type { EventSink } from '../connector.ts';
import { prefixNick, splitIrcLine } from '../irc-line.ts';
import { CapRequest } from './cap-request.ts';
import { ircCommand } from './irc-command.ts';
import { type Endpoint, IrcTransport, type TransportReceiver } from './irc-transport.ts';
import type { OddReason } from './line-splitter.ts';
import { PingWatchdog } from './ping-watchdog.ts';

export interface IrcConnectionOptions extends Endpoint {
  nick: string;
  username?: string | undefined;
  realname?: string | undefined;
  /** PASS. */
  password?: string | undefined;
  sasl?:
    | { mechanism: 'PLAIN' | 'EXTERNAL'; account?: string | undefined; password?: string | undefined }
    | undefined;
  /** Capabilities to ask for where offered... */
  caps: readonly string[];
  /** ...and those without which there is no use: asked for even if the server lists none, and waited for. */
  requiredCaps?: readonly string[];
  /** The nick to try when one is taken; `attempt` counts from 1. */
  nextNick?: (attempt: number) => string;
  /** An own PING is sent when nothing came for so long... */
  pingAfterMs: number;
  /** ...and the connection given up when then nothing comes for so long. */
  pingTimeoutMs: number;
  /** Connect, login and capabilities take at most so long. */
  registerTimeoutMs?: number;
  /** Capabilities are asked for anew when no answer came for so long. */
  capFallbackMs?: number;
  sink: Pick<EventSink, 'full' | 'drained'>;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** Who reads the lines. Called in the order in which they came; must not throw. */
export interface IrcLineHandler {
  /** Every line, protocol lines too. `receivedAtMs` is the same for all lines of one read. */
  line(line: string, command: string, receivedAtMs: number): void;
  /** What is no UTF-8, or too long for a line. */
  bytes(bytes: Buffer, reason: OddReason, piece: number, receivedAtMs: number): void;
  /** irc-framework stumbled over a protocol line. */
  trouble?(error: unknown, line: string): void;
  /** Login by SASL failed; the registration goes on without it. */
  saslFailed?(reason: string): void;
}

const REGISTER_TIMEOUT_MS = 20_000;
const CAP_FALLBACK_MS = 3000;

/** What irc-framework gets to see. Not 353 and the like: it would collect them for an end that never comes. */
const FORWARDED = new Set(
  'CAP AUTHENTICATE PING ERROR 001 002 003 004 005 432 433 900 901 902 903 904 905 906 907'.split(' '),
);

/** Twitch's own words for a token that it does not take; it has no numeric for that. */
const LOGIN_REFUSED =
  /^(login authentication failed|login unsuccessful|improperly formatted auth|invalid nick)/i;

export class IrcConnection {
  readonly #options: IrcConnectionOptions;
  readonly #handler: IrcLineHandler;
  readonly #client = new Client();
  readonly #opened = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<string>();
  readonly #ended = new AbortController();
  readonly #caps: CapRequest;
  #transport: IrcTransport | undefined;
  #state: 'new' | 'connecting' | 'open' | 'closed' = 'new';
  #registered = false;
  #nickAttempts = 0;
  #lastNotice = '';
  #refused: string | undefined;
  #endCause: string | undefined;
  #heardAtMs = 0;
  #watchdog: PingWatchdog | undefined;
  #paused = false;

  constructor(options: IrcConnectionOptions, handler: IrcLineHandler) {
    this.#options = options;
    this.#handler = handler;
    this.#caps = new CapRequest(options.requiredCaps ?? [], options.caps, (line) => this.send(line));
    this.#opened.promise.catch(() => undefined);
  }

  /** When the last byte came, ms since the epoch; 0 = never. */
  get lastHeardMs(): number {
    return this.#heardAtMs;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** The own nick, as the server has it. */
  get nick(): string {
    return this.#client.user.nick;
  }

  /** What the server said of itself in 005; `true` where a token has no value. */
  get isupport(): Readonly<Record<string, unknown>> {
    return this.#client.network.options;
  }

  capEnabled(capability: string): boolean {
    return this.#client.network.cap.isEnabled(capability);
  }

  /** Resolves with the cause, in words, when the connection has ended; every byte that was read is handed over. */
  get closed(): Promise<string> {
    return this.#closed.promise;
  }

  /**
   * Connects and registers. Rejects with `irc_login_refused` where the server does not want us, else with
   * `irc_connection_failed`; abort closes the connection.
   */
  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#state = 'connecting';
    const abort = () => this.close('stopped');
    signal.addEventListener('abort', abort, { once: true });
    const timeoutMs = this.#options.registerTimeoutMs ?? REGISTER_TIMEOUT_MS;
    const timer = setTimeout(() => this.close(`not registered within ${timeoutMs / 1000} s`), timeoutMs);
    this.#connect();
    try {
      await this.#opened.promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
  }

  /** Sends a line (without its end), at once; dropped when the connection is closed. It cannot become two lines. */
  send(line: string): void {
    this.#transport?.writeLine(line.replace(/[\r\n\0]/g, ' '));
  }

  /** Ends the connection at once. `cause` is what {@link closed} resolves with, if nothing ended it before. */
  close(cause: string): void {
    if (this.#state === 'closed') return;
    this.#endCause ??= cause;
    if (this.#transport) this.#transport.close(true);
    else this.#end();
  }

  /** Ends the connection with a QUIT, which gets a moment to leave. */
  quit(cause: string): void {
    if (this.#state !== 'open') {
      this.close(cause);
      return;
    }
    this.#endCause ??= cause;
    this.send('QUIT');
    this.#transport?.close();
  }

  #connect(): void {
    const { host, port, nick, password, sasl } = this.#options;
    const transport = new IrcTransport(this.#options, this.#receiver());
    this.#transport = transport;
    transport.once('open', () => this.#caps.start(this.#options.capFallbackMs ?? CAP_FALLBACK_MS));
    transport.once('close', (error: Error | false) => {
      if (error) this.#endCause ??= errorText(error);
      this.#end();
    });
    this.#client.on('registered', () => {
      this.#registered = true;
      this.#openWhenReady();
    });
    this.#client.on('nick in use', () => this.#tryNextNick());
    this.#client.on('nick invalid', () => this.#tryNextNick());
    this.#client.on('sasl failed', (event) =>
      this.#handler.saslFailed?.(String(event.message ?? event.reason)),
    );
    this.#client.requestCap([...this.#options.caps, ...(this.#options.requiredCaps ?? [])]);
    this.#client.connect({
      host,
      port,
      nick,
      username: this.#options.username ?? nick,
      gecos: this.#options.realname ?? nick,
      ...(password === undefined ? {} : { password }),
      account: sasl?.account === undefined ? {} : { account: sasl.account, password: sasl.password ?? '' },
      ...(sasl ? { sasl_mechanism: sasl.mechanism } : {}),
      auto_reconnect: false,
      version: '',
      ping_interval: 0,
      ping_timeout: 0,
      enable_chghost: this.#options.caps.includes('chghost'),
      enable_setname: this.#options.caps.includes('setname'),
      enable_echomessage: this.#options.caps.includes('echo-message'),
      // irc-framework makes its transport itself; a constructor may return another object.
      transport: function OurTransport() {
        return transport;
      } as unknown as new () => IrcTransport,
    });
  }

  #receiver(): TransportReceiver {
    return {
      heard: () => {
        this.#heardAtMs = this.#options.now();
        this.#watchdog?.heard();
      },
      line: (text) => {
        const command = ircCommand(text);
        if (command !== 'PRIVMSG') this.#protocol(command, text);
        this.#handler.line(text, command, this.#heardAtMs);
      },
      bytes: (bytes, reason, piece) => {
        // A welcome or a PING is one, whatever alphabet the server writes in.
        if (reason === 'not UTF-8') {
          const text = bytes.toString('utf8');
          this.#protocol(ircCommand(text), text);
        }
        this.#handler.bytes(bytes, reason, piece, this.#heardAtMs);
      },
      idle: () => {
        if (this.#options.sink.full) this.#pause();
      },
    };
  }

  #protocol(command: string, line: string): void {
    switch (command) {
      case 'NICK':
        if (prefixNick(splitIrcLine(line).prefix) === this.nick) this.#forward(line);
        return;
      case 'NOTICE':
        if (!this.#registered) this.#earlyNotice(splitIrcLine(line).params.at(-1) ?? '');
        return;
      case 'ERROR':
        this.#endCause ??= `server said: ${splitIrcLine(line).params.at(-1) ?? ''}`;
        break;
      case '464':
      case '465':
        if (!this.#registered) this.#refused = splitIrcLine(line).params.at(-1) ?? command;
        return;
      case 'CAP':
        this.#caps.answered(splitIrcLine(line).params);
        break;
      default:
        break;
    }
    if (FORWARDED.has(command)) this.#forward(line);
    if (command === 'CAP') this.#openWhenReady();
  }

  /** irc-framework assumes much of the lines it parses; a server that sends others must not end the process. */
  #forward(line: string): void {
    try {
      this.#transport?.forward(line);
    } catch (error) {
      this.#handler.trouble?.(error, line);
    }
  }

  #earlyNotice(text: string): void {
    this.#lastNotice = text;
    if (!LOGIN_REFUSED.test(text)) return;
    this.#refused = text;
    this.close(text);
  }

  #openWhenReady(): void {
    if (this.#state !== 'connecting' || !this.#registered) return;
    const refused = this.#caps.refused;
    if (refused.length > 0) this.close(`the server refuses the capabilities ${refused.join(' ')}`);
    else if (this.#caps.complete) this.#becomeOpen();
  }

  #becomeOpen(): void {
    this.#state = 'open';
    this.#caps.stop();
    const { pingAfterMs, pingTimeoutMs } = this.#options;
    this.#watchdog = new PingWatchdog({
      pingAfterMs,
      pingTimeoutMs,
      ping: () => this.send('PING :chatlog'),
      giveUp: () => this.close(`no answer to a PING for ${pingTimeoutMs / 1000} s`),
    });
    if (this.#paused) this.#watchdog.suspend();
    this.#opened.resolve();
  }

  #tryNextNick(): void {
    const next = this.#options.nextNick;
    if (!this.#registered && next) this.#client.changeNick(next(++this.#nickAttempts));
  }

  #pause(): void {
    if (this.#paused || this.#state === 'closed') return;
    this.#paused = true;
    this.#watchdog?.suspend();
    this.#transport?.pause();
    this.#options.sink.drained(this.#ended.signal).then(
      () => {
        this.#paused = false;
        this.#watchdog?.resume();
        this.#transport?.resume();
      },
      () => undefined,
    );
  }

  #end(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#watchdog?.[Symbol.dispose]();
    this.#caps.stop();
    this.#ended.abort();
    const lastWords = this.#registered || !this.#lastNotice ? '' : ` (${this.#lastNotice})`;
    const cause = this.#endCause ?? `connection closed by the server${lastWords}`;
    this.#opened.reject(
      this.#refused === undefined
        ? new ChatlogError('irc_connection_failed', cause, { retryable: true })
        : new ChatlogError('irc_login_refused', `login refused: ${this.#refused}`, { retryable: true }),
    );
    this.#closed.resolve(cause);
    // irc-framework's own listeners for the end have run: nothing holds on to this connection any more.
    setImmediate(() => this.#client.removeAllListeners());
  }
}
