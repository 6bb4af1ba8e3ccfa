/**
 * The socket under irc-framework: TCP or TLS, bytes to lines. It replaces irc-framework's own transport, whose read
 * buffer is unbounded and turns bytes that are not UTF-8 into U+FFFD. Lines go to the {@link TransportReceiver};
 * only what that one gives back through {@link IrcTransport.forward} reaches irc-framework and its parser.
 */
import { EventEmitter } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import type { Transport } from 'irc-framework/src/client.js';
import { type LineReceiver, LineSplitter } from './line-splitter.ts';

export interface TransportTls {
  /** PEM: trusted in place of the system's certificates. */
  ca?: string;
  /** Accept any certificate. */
  insecure?: boolean;
  /** Client certificate and key, PEM (SASL EXTERNAL). */
  cert?: string;
  key?: string;
}

export interface Endpoint {
  host: string;
  port: number;
  /** Undefined = plain TCP. */
  tls?: TransportTls | undefined;
}

export interface TransportReceiver extends LineReceiver {
  /** Bytes came; called before their lines. */
  heard(): void;
  /** All lines of what came were handed over. */
  idle(): void;
}

/** A farewell (QUIT) may take so long to leave before the socket is destroyed. */
const FAREWELL_MS = 250;

export class IrcTransport extends EventEmitter implements Transport {
  readonly #endpoint: Endpoint;
  readonly #receiver: TransportReceiver;
  readonly #splitter: LineSplitter;
  #socket: net.Socket | undefined;
  #open = false;
  #error: Error | undefined;

  constructor(endpoint: Endpoint, receiver: TransportReceiver) {
    super();
    this.#endpoint = endpoint;
    this.#receiver = receiver;
    this.#splitter = new LineSplitter(receiver);
  }

  connect(): void {
    const { host, port, tls: secure } = this.#endpoint;
    const socket = secure ? tls.connect(tlsOptions(this.#endpoint, secure)) : net.connect({ host, port });
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      this.#open = true;
      this.emit('open');
    });
    socket.on('data', (chunk: Buffer) => this.#data(chunk));
    socket.on('error', (error) => {
      this.#error ??= error;
    });
    socket.once('close', () => {
      this.#open = false;
      this.emit('close', this.#error ?? false);
    });
  }

  #data(chunk: Buffer): void {
    this.#receiver.heard();
    this.#splitter.push(chunk);
    this.#receiver.idle();
  }

  /** Hands a line to irc-framework. */
  forward(line: string): void {
    this.emit('line', line);
  }

  /** Stops reading; what was read already has been handed over. */
  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  writeLine(line: string, written?: () => void): void {
    if (this.#open && this.#socket?.writable) this.#socket.write(`${line}\r\n`, written && (() => written()));
    else if (written) process.nextTick(written);
  }

  isConnected(): boolean {
    return this.#open;
  }

  /** Without `force` what was written still leaves, for a moment. */
  close(force = false): void {
    const socket = this.#socket;
    if (!socket) return;
    if (force || !this.#open) {
      socket.destroy();
      return;
    }
    socket.end();
    const timer = setTimeout(() => socket.destroy(), FAREWELL_MS);
    socket.once('close', () => clearTimeout(timer));
  }

  disposeSocket(): void {
    this.#socket?.destroy();
  }

  /** Encodings are the splitter's business. */
  setEncoding(): boolean {
    return true;
  }
}

function tlsOptions({ host, port }: Endpoint, secure: TransportTls): tls.ConnectionOptions {
  return {
    host,
    port,
    // A server name must be a name (RFC 6066).
    ...(net.isIP(host) === 0 ? { servername: host } : {}),
    ...(secure.ca === undefined ? {} : { ca: secure.ca }),
    ...(secure.cert === undefined ? {} : { cert: secure.cert }),
    ...(secure.key === undefined ? {} : { key: secure.key }),
    rejectUnauthorized: !secure.insecure,
  };
}
