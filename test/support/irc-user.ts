/** A small real IRC client: the person who talks in a test's channel. */
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { waitFor } from './wait-for.ts';

export interface IrcUserOptions {
  port: number;
  nick: string;
  /** Sent as PASS. */
  password?: string;
  /** PEM to trust; with it the connection is TLS. */
  ca?: string;
  /** The name that the certificate must bear. Default `localhost`. */
  serverName?: string;
  /** Asked for with CAP REQ before anything else. */
  capabilities?: readonly string[];
}

export class IrcUser implements AsyncDisposable {
  readonly nick: string;
  /** Every line of the server, without line end. */
  readonly lines: string[] = [];
  /** All bytes as they came; a test may want to see what is not a line. */
  readonly chunks: Buffer[] = [];
  /** True: PING is not answered. */
  ignorePings = false;
  readonly #socket: Socket;
  #partial = '';

  /** Takes over a connected socket. See {@link openIrcUser} and {@link connectIrcUser}. */
  constructor(socket: Socket, nick: string) {
    this.#socket = socket;
    this.nick = nick;
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('error', () => socket.destroy());
  }

  /** The server (or we) closed the connection. */
  get closed(): boolean {
    return this.#socket.destroyed || this.#socket.readableEnded;
  }

  send(line: string): void {
    this.#socket.write(`${line}\r\n`);
  }

  /** The first line that matches, of those that came and those to come. */
  heard(pattern: RegExp): Promise<string> {
    return waitFor(`${this.nick} hears ${pattern}`, () => this.lines.find((line) => pattern.test(line)), {
      context: () => this.lines.slice(-20).join('\n'),
    });
  }

  /** Resolves when the server confirmed the join. */
  async join(channel: string, key?: string): Promise<void> {
    this.send(key === undefined ? `JOIN ${channel}` : `JOIN ${channel} ${key}`);
    await this.heard(new RegExp(`^(?:@\\S+ )?:\\S+ 366 \\S+ ${escapeRegExp(channel)} `, 'i'));
  }

  say(target: string, text: string): void {
    this.send(`PRIVMSG ${target} :${text}`);
  }

  /** `/me` */
  act(target: string, text: string): void {
    this.say(target, `\x01ACTION ${text}\x01`);
  }

  notice(target: string, text: string): void {
    this.send(`NOTICE ${target} :${text}`);
  }

  quit(reason: string): void {
    this.send(`QUIT :${reason}`);
  }

  /** Stops reading: what the server sends piles up. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.destroyed) return;
    const closed = once(this.#socket, 'close');
    this.#socket.destroy();
    await closed;
  }

  #read(bytes: Buffer): void {
    this.chunks.push(bytes);
    const lines = (this.#partial + bytes.toString('utf8')).split('\n');
    this.#partial = lines.pop() ?? '';
    for (const ended of lines) {
      const line = ended.replace(/\r$/, '');
      this.lines.push(line);
      const ping = /^(?:@\S+ )?(?::\S+ )?PING (.*)$/.exec(line);
      if (ping && !this.ignorePings) this.send(`PONG ${ping[1]}`);
    }
  }
}

/** Connects, and says nothing yet. Rejects when the connection or its certificate is refused. */
export async function openIrcUser(options: IrcUserOptions): Promise<IrcUser> {
  const { port, ca, serverName = 'localhost' } = options;
  const host = '127.0.0.1';
  const socket =
    ca === undefined ? connectTcp(port, host) : connectTls({ port, host, ca, servername: serverName });
  const user = new IrcUser(socket, options.nick);
  await once(socket, ca === undefined ? 'connect' : 'secureConnect');
  return user;
}

/** Connects and logs in; resolves when the server welcomed the user. */
export async function connectIrcUser(options: IrcUserOptions): Promise<IrcUser> {
  const user = await openIrcUser(options);
  if (options.capabilities) user.send(`CAP REQ :${options.capabilities.join(' ')}`);
  if (options.password !== undefined) user.send(`PASS ${options.password}`);
  user.send(`NICK ${options.nick}`);
  user.send(`USER ${options.nick} 0 * :${options.nick}`);
  if (options.capabilities) user.send('CAP END');
  await user.heard(/^(?:@\S+ )?:\S+ 001 /);
  return user;
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
