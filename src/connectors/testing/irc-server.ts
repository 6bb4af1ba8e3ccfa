/**
 * A small IRC server on 127.0.0.1 for tests: it registers clients, joins them to channels and says what a test wants
 * said. It goes wrong on demand.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { parseTags, splitIrcLine } from '../irc-line.ts';

export interface IrcServerOptions {
  /** Offered in CAP LS; '' = CAP is not known at all. */
  caps?: string;
  /** Tokens of 005. */
  isupport?: string;
  /** Sees a client's line first; true = it has been dealt with. */
  intercept?: (client: IrcServerClient, line: string) => boolean;
  /** Answers for history: the lines after a point, without their batch tag. */
  history?: (channel: string, point: string, limit: number) => string[];
}

export class IrcServerClient {
  nick = '';
  registered = false;
  readonly caps = new Set<string>();
  readonly channels = new Set<string>();
  readonly received: string[] = [];
  readonly socket: Socket;
  readonly #server: IrcTestServer;
  #negotiating = false;
  #hasUser = false;
  #rest = '';
  #batches = 0;

  constructor(server: IrcTestServer, socket: Socket) {
    this.#server = server;
    this.socket = socket;
    socket.setEncoding('utf8');
    socket.on('error', () => socket.destroy());
    socket.on('data', (text: string) => {
      const lines = (this.#rest + text).split('\r\n');
      this.#rest = lines.pop()!;
      for (const line of lines) this.#line(line);
    });
  }

  get mask(): string {
    return `${this.nick}!user@host`;
  }

  send(...lines: string[]): void {
    this.socket.write(lines.map((line) => `${line}\r\n`).join(''));
  }

  sendLatin1(line: string): void {
    this.socket.write(`${line}\r\n`, 'latin1');
  }

  #line(line: string): void {
    this.received.push(line);
    this.#server.received.push(line);
    if (this.#server.options.intercept?.(this, line)) return;
    const { tags, command, params } = splitIrcLine(line);
    const [first = '', second = ''] = params;
    switch (command) {
      case 'CAP':
        this.#cap(first, second);
        break;
      case 'NICK':
        if (this.registered) this.send(`:${this.mask} NICK :${first}`);
        this.nick = first;
        break;
      case 'USER':
        this.#hasUser = true;
        break;
      case 'PING':
        this.send(`:irc.test PONG irc.test :${first}`);
        break;
      case 'JOIN':
        this.#join(first);
        break;
      case 'PART':
        this.channels.delete(first);
        this.send(`:${this.mask} PART ${first}`);
        break;
      case 'CHATHISTORY':
        this.#history(second, params[2]!, Number(params[3]), parseTags(tags)?.label);
        break;
      case 'QUIT':
        this.socket.end();
        break;
      default:
        break;
    }
    if (!this.registered && this.nick !== '' && this.#hasUser && !this.#negotiating) this.#welcome();
  }

  #cap(subcommand: string, list: string): void {
    const { caps = '' } = this.#server.options;
    if (caps === '') return;
    if (subcommand === 'LS') {
      this.#negotiating = true;
      this.send(`:irc.test CAP * LS :${caps}`);
    } else if (subcommand === 'REQ') {
      for (const name of list.split(' ')) this.caps.add(name);
      this.send(`:irc.test CAP * ACK :${list}`);
    } else if (subcommand === 'END') {
      this.#negotiating = false;
    }
  }

  #welcome(): void {
    this.registered = true;
    this.send(
      `:irc.test 001 ${this.nick} :Welcome`,
      `:irc.test 005 ${this.nick} ${this.#server.options.isupport ?? 'CASEMAPPING=rfc1459 CHANTYPES=#&'} :are supported`,
      `:irc.test 422 ${this.nick} :No message of the day`,
    );
  }

  #join(channel: string): void {
    this.channels.add(channel);
    this.send(
      `:${this.mask} JOIN :${channel}`,
      `:irc.test 353 ${this.nick} = ${channel} :@op +voice plain ${this.nick}`,
      `:irc.test 366 ${this.nick} ${channel} :End of /NAMES list.`,
    );
  }

  #history(channel: string, point: string, limit: number, label: string | true | undefined): void {
    const lines = this.#server.options.history?.(channel, point, limit) ?? [];
    const reference = `h${++this.#batches}`;
    const labelTag = label === undefined ? '' : `@label=${label} `;
    this.send(`${labelTag}:irc.test BATCH +${reference} chathistory ${channel}`);
    for (const line of lines)
      this.send(
        line.startsWith('@') ? `@batch=${reference};${line.slice(1)}` : `@batch=${reference} ${line}`,
      );
    this.send(`:irc.test BATCH -${reference}`);
  }
}

export class IrcTestServer implements AsyncDisposable {
  readonly options: IrcServerOptions;
  readonly received: string[] = [];
  accepted = 0;
  readonly #clients = new Set<IrcServerClient>();
  readonly #listener: Server;

  private constructor(options: IrcServerOptions) {
    this.options = options;
    this.#listener = createServer((socket) => {
      this.accepted++;
      const client = new IrcServerClient(this, socket);
      this.#clients.add(client);
      socket.on('close', () => this.#clients.delete(client));
    });
  }

  static async start(options: IrcServerOptions = {}): Promise<IrcTestServer> {
    const server = new IrcTestServer(options);
    server.#listener.listen(0, '127.0.0.1');
    await once(server.#listener, 'listening');
    return server;
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  get clients(): IrcServerClient[] {
    return [...this.#clients];
  }

  /** To every client that is in the channel. */
  say(channel: string, ...lines: string[]): void {
    for (const client of this.#clients) if (client.channels.has(channel)) client.send(...lines);
  }

  joined(channel: string): number {
    return this.clients.filter((client) => client.channels.has(channel)).length;
  }

  dropAll(): void {
    for (const { socket } of this.#clients) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.dropAll();
  }
}
