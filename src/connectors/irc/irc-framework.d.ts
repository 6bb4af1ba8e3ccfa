/**
 * The part of irc-framework 4.14 that Chatlog uses; the package comes without types. Its client is imported by its
 * own path: the package's main file loads its socket transport (SOCKS, iconv) too, 6 MB that ours replaces.
 */
declare module 'irc-framework/src/client.js' {
  import type { EventEmitter } from 'node:events';

  /** What irc-framework expects of `options.transport`; it listens for `open`, `line`, `close`, `debug` and `extra`. */
  export interface Transport extends EventEmitter {
    connect(): void;
    writeLine(line: string, written?: () => void): void;
    isConnected(): boolean;
    close(force?: boolean): void;
    disposeSocket(): void;
    setEncoding(encoding: string): boolean;
  }

  export interface ConnectOptions {
    host: string;
    port: number;
    nick: string;
    username?: string;
    gecos?: string;
    password?: string;
    /** An empty object keeps `password` from being taken for SASL credentials. */
    account: { account?: string; password?: string };
    sasl_mechanism?: 'PLAIN' | 'EXTERNAL';
    auto_reconnect: false;
    /** '' = CTCP VERSION is not answered. */
    version: '';
    ping_interval: 0;
    ping_timeout: 0;
    enable_chghost: boolean;
    enable_setname: boolean;
    enable_echomessage: boolean;
    transport: new () => Transport;
  }

  // biome-ignore lint/style/noDefaultExport: that is how the package exports it
  export default class Client {
    readonly user: { nick: string };
    readonly network: {
      /** ISUPPORT (005): `true` where a token has no value. */
      readonly options: Record<string, unknown>;
      readonly cap: { readonly enabled: string[]; isEnabled(capability: string): boolean };
    };
    connect(options: ConnectOptions): void;
    requestCap(capabilities: string[]): void;
    changeNick(nick: string): void;
    quit(message?: string): void;
    on(event: string, listener: (event: Record<string, unknown>) => void): this;
    removeAllListeners(): this;
  }
}
