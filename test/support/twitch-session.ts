/**
 * One client's connection to the replay server, and what Twitch says on it. The dialect is Twitch's own, from its
 * documentation and captures: 001 comes on NICK without waiting for `CAP END`, JOINs beyond the budget are dropped
 * without a word, an unknown channel is never answered.
 */
import type { Socket } from 'node:net';
import { ChunkedWriter, type Chunking } from './chunked-writer.ts';
import { commandOf } from './corpus.ts';

/** What goes wrong, from the moment it is set. */
export interface TwitchFaults {
  /** So many connections are still dropped on NICK, before 001. */
  dropBeforeWelcome: number;
  /** So many connections are still accepted and never answered, not even their TLS handshake. */
  deafConnections: number;
  /** PING of the client goes unanswered; lines are delivered all the same. */
  ignorePings: boolean;
  /** CAP LS goes unanswered. */
  ignoreCapLs: boolean;
  /** JOIN goes unanswered. */
  ignoreJoins: boolean;
  /** Per channel, so many JOINs are still confirmed without anything being delivered. */
  ghostJoins: Map<string, number>;
  /** How outgoing bytes are cut. */
  chunking: Chunking | undefined;
  /** The certificate shown to new connections. */
  certificate: 'good' | 'wrong-host' | 'untrusted';
}

/** Why a JOIN is refused. `unknown` is never answered, as Twitch does where there is no such channel. */
export type Refusal = 'banned' | 'suspended' | 'not_found' | 'limit' | 'unknown';

/** What the sessions of one server share. */
export interface TwitchRules {
  readonly faults: TwitchFaults;
  /** Tokens by login; undefined = any token is good. */
  readonly accounts: Readonly<Record<string, string>> | undefined;
  readonly refusals: ReadonlyMap<string, Refusal>;
  readonly pongTimeoutMs: number;
  readonly pingIntervalMs: number;
  /** False: the budget is spent, the JOIN is dropped. */
  takeJoin(account: string): boolean;
  /** False: the account is in as many channels as it may be. */
  mayJoin(session: TwitchSession): boolean;
  roomId(channel: string): string;
  log(session: TwitchSession, line: string): void;
}

const CAPABILITIES = ['twitch.tv/commands', 'twitch.tv/membership', 'twitch.tv/tags'];

const NEEDS_COMMANDS = new Set([
  'CLEARCHAT',
  'CLEARMSG',
  'GLOBALUSERSTATE',
  'HOSTTARGET',
  'NOTICE',
  'RECONNECT',
  'ROOMSTATE',
  'USERNOTICE',
  'USERSTATE',
  'WHISPER',
]);

const REFUSAL_NOTICES: Record<Exclude<Refusal, 'unknown'>, [id: string, text: string]> = {
  banned: ['msg_banned', 'You are permanently banned from talking in CHANNEL.'],
  suspended: ['msg_channel_suspended', 'This channel does not exist or has been suspended.'],
  not_found: ['msg_room_not_found', 'The room was not found.'],
  limit: [
    'msg_concurrent_channel_limit_reached',
    'You have joined the maximum number of channels. Leave a channel to join another.',
  ],
};

export class TwitchSession {
  /** 1 for the first connection of the server, and so on. */
  readonly id: number;
  nick = '';
  /** Logged in: 001 was sent. */
  registered = false;
  /** Half-open: nothing is answered or delivered any more. */
  frozen = false;
  readonly capabilities = new Set<string>();
  /** Every line of the client, without line end. */
  readonly received: string[] = [];
  /** Joined channels; `false` = a ghost, nothing is delivered. */
  readonly #channels = new Map<string, boolean>();
  readonly #socket: Socket;
  readonly #writer: ChunkedWriter;
  readonly #rules: TwitchRules;
  #password: string | undefined;
  #partial = '';
  #pinging: NodeJS.Timeout | undefined;
  #pongDeadline: NodeJS.Timeout | undefined;

  constructor(id: number, socket: Socket, rules: TwitchRules) {
    this.id = id;
    this.#socket = socket;
    this.#rules = rules;
    this.#writer = new ChunkedWriter(socket, () => rules.faults.chunking);
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      clearInterval(this.#pinging);
      clearTimeout(this.#pongDeadline);
    });
  }

  get open(): boolean {
    return !this.#socket.destroyed && this.#socket.writable;
  }

  /** Names of the channels that it joined, ghosts included. */
  get channels(): string[] {
    return [...this.#channels.keys()];
  }

  /** Whose budget and limit count: all anonymous connections share one budget. */
  get account(): string {
    return this.anonymous ? 'anonymous' : this.nick;
  }

  get anonymous(): boolean {
    return /^justinfan\d+$/.test(this.nick);
  }

  get backlogBytes(): number {
    return this.#writer.backlogBytes;
  }

  /** True where lines of the channel are delivered to it. */
  hears(channel: string): boolean {
    return this.open && !this.frozen && this.#channels.get(channel) === true;
  }

  /** Sends lines to the client, as far as its capabilities let it have them. */
  deliver(lines: readonly (string | Buffer)[]): void {
    const parts: Buffer[] = [];
    for (const line of lines) {
      const sent = typeof line === 'string' ? this.#asCapable(line) : line;
      if (sent !== undefined) parts.push(Buffer.from(sent), CRLF);
    }
    if (parts.length > 0) this.sendBytes(Buffer.concat(parts));
  }

  /** Sends bytes as they are: no line end is added. */
  sendBytes(bytes: Buffer | string): void {
    if (!this.frozen) this.#writer.write(Buffer.from(bytes));
  }

  send(line: string): void {
    this.sendBytes(`${line}\r\n`);
  }

  ping(): void {
    this.send('PING :tmi.twitch.tv');
    this.#pongDeadline ??= setTimeout(() => this.drop(), this.#rules.pongTimeoutMs);
  }

  /** Tells the client to reconnect, as Twitch does before a restart. */
  askToReconnect(): void {
    this.deliver([':tmi.twitch.tv RECONNECT']);
  }

  /** From now on the socket stays open and nothing comes any more. */
  freeze(): void {
    this.frozen = true;
  }

  /** Closes the connection. */
  drop(): void {
    this.#socket.destroy();
  }

  /** Sends the first bytes of a line, then closes the connection. */
  dropMidLine(line: string, bytes: number): void {
    this.#socket.end(Buffer.from(line).subarray(0, bytes));
  }

  #read(bytes: Buffer): void {
    const lines = (this.#partial + bytes.toString('utf8')).split('\n');
    this.#partial = lines.pop() ?? '';
    for (const ended of lines) {
      const line = ended.replace(/\r$/, '');
      if (line === '') continue;
      this.received.push(line);
      this.#rules.log(this, line);
      if (!this.frozen && this.open) this.#obey(line);
    }
  }

  #obey(line: string): void {
    const words = line.split(' ');
    const rest = words.slice(1).join(' ').replace(/^:/, '');
    const command = (words[0] ?? '').toUpperCase();
    if (command === 'CAP') this.#negotiate(words[1]?.toUpperCase(), line);
    else if (command === 'PASS') this.#password = rest;
    else if (command === 'NICK') this.#logIn(rest.toLowerCase());
    else if (command === 'PING') this.#answerPing(rest);
    else if (command === 'PONG') this.#heardPong();
    else if (command === 'QUIT') this.#socket.end();
    else if (command === 'USER' || command === 'PRIVMSG' || !this.registered) return;
    else if (command === 'JOIN') for (const channel of channelsIn(rest)) this.#join(channel);
    else if (command === 'PART') for (const channel of channelsIn(rest)) this.#part(channel);
    else this.send(`:tmi.twitch.tv 421 ${this.nick} ${command} :Unknown command`);
  }

  #negotiate(verb: string | undefined, line: string): void {
    if (verb === 'LS' && !this.#rules.faults.ignoreCapLs) {
      this.send(`:tmi.twitch.tv CAP * LS :${CAPABILITIES.join(' ')}`);
    }
    if (verb !== 'REQ') return;
    const asked = (/^CAP REQ :?(.*)$/i.exec(line)?.[1] ?? '').trim();
    const names = asked.split(/ +/);
    const known = names.every((name) => CAPABILITIES.includes(name));
    if (known) for (const name of names) this.capabilities.add(name);
    this.send(`:tmi.twitch.tv CAP * ${known ? 'ACK' : 'NAK'} :${asked}`);
  }

  #logIn(nick: string): void {
    if (this.registered) return;
    this.nick = nick;
    const { faults } = this.#rules;
    if (faults.dropBeforeWelcome > 0) {
      faults.dropBeforeWelcome -= 1;
      this.drop();
      return;
    }
    const trouble = this.anonymous ? undefined : this.#loginTrouble();
    if (trouble !== undefined) {
      this.send(`:tmi.twitch.tv NOTICE * :${trouble}`);
      this.#socket.end();
      return;
    }
    this.registered = true;
    for (const line of welcome(nick)) this.send(line);
    if (!this.anonymous) this.deliver([globalUserState(nick)]);
    this.#pinging = setInterval(() => this.ping(), this.#rules.pingIntervalMs);
  }

  #loginTrouble(): string | undefined {
    if (!this.#password?.startsWith('oauth:')) return 'Improperly formatted auth';
    const { accounts } = this.#rules;
    const good = accounts === undefined || accounts[this.nick] === this.#password.slice('oauth:'.length);
    return good ? undefined : 'Login authentication failed';
  }

  #answerPing(token: string): void {
    if (!this.#rules.faults.ignorePings) this.send(`:tmi.twitch.tv PONG tmi.twitch.tv :${token}`);
  }

  #heardPong(): void {
    clearTimeout(this.#pongDeadline);
    this.#pongDeadline = undefined;
  }

  #join(channel: string): void {
    const { faults, refusals } = this.#rules;
    if (faults.ignoreJoins || !this.#rules.takeJoin(this.account)) return;
    const refusal = refusals.get(channel) ?? (this.#rules.mayJoin(this) ? undefined : 'limit');
    if (refusal === 'unknown') return;
    if (refusal !== undefined) {
      const [id, text] = REFUSAL_NOTICES[refusal];
      this.deliver([`@msg-id=${id} :tmi.twitch.tv NOTICE #${channel} :${text.replace('CHANNEL', channel)}`]);
      return;
    }
    if (this.#channels.has(channel)) return;
    const ghosts = faults.ghostJoins.get(channel) ?? 0;
    if (ghosts > 0) faults.ghostJoins.set(channel, ghosts - 1);
    this.#channels.set(channel, ghosts === 0);
    this.#confirmJoin(channel);
  }

  #confirmJoin(channel: string): void {
    const { nick } = this;
    this.send(`:${nick}!${nick}@${nick}.tmi.twitch.tv JOIN #${channel}`);
    this.send(`:${nick}.tmi.twitch.tv 353 ${nick} = #${channel} :${nick}`);
    this.send(`:${nick}.tmi.twitch.tv 366 ${nick} #${channel} :End of /NAMES list`);
    const roomState = `emote-only=0;followers-only=-1;r9k=0;room-id=${this.#rules.roomId(channel)};slow=0;subs-only=0`;
    this.deliver([
      ...(this.anonymous ? [] : [userState(nick, channel)]),
      `@${roomState} :tmi.twitch.tv ROOMSTATE #${channel}`,
    ]);
  }

  #part(channel: string): void {
    if (!this.#channels.delete(channel)) return;
    this.send(`:${this.nick}!${this.nick}@${this.nick}.tmi.twitch.tv PART #${channel}`);
  }

  /** The line as a client with these capabilities gets it; undefined = not at all. */
  #asCapable(line: string): string | undefined {
    const command = commandOf(line);
    if (NEEDS_COMMANDS.has(command) && !this.capabilities.has('twitch.tv/commands')) return undefined;
    const presence = command === 'JOIN' || command === 'PART';
    if (presence && !this.capabilities.has('twitch.tv/membership')) return undefined;
    return this.capabilities.has('twitch.tv/tags') ? line : line.replace(/^@[^ ]+ +/, '');
  }
}

const CRLF = Buffer.from('\r\n');

function channelsIn(list: string): string[] {
  const names = list.split(' ')[0]!.split(',');
  return names.filter((name) => name.startsWith('#')).map((name) => name.slice(1).toLowerCase());
}

function welcome(nick: string): string[] {
  const numeric = (code: string, text: string) => `:tmi.twitch.tv ${code} ${nick} :${text}`;
  return [
    numeric('001', 'Welcome, GLHF!'),
    numeric('002', 'Your host is tmi.twitch.tv'),
    numeric('003', 'This server is rather new'),
    numeric('004', '-'),
    numeric('375', '-'),
    numeric('372', 'You are in a maze of twisty passages, all alike.'),
    numeric('376', '>'),
  ];
}

function globalUserState(nick: string): string {
  const tags = `badge-info=;badges=;color=;display-name=${nick};emote-sets=0;user-id=10001;user-type=`;
  return `@${tags} :tmi.twitch.tv GLOBALUSERSTATE`;
}

function userState(nick: string, channel: string): string {
  const tags = `badge-info=;badges=;color=;display-name=${nick};emote-sets=0;mod=0;subscriber=0;user-type=`;
  return `@${tags} :tmi.twitch.tv USERSTATE #${channel}`;
}
