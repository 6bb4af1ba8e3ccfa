/**
 * One connection to an IRC network and everything that is known only as long as it lasts: how the server compares
 * names, who is in which channel, which joins are due, history under way. It draws from each line what it says about
 * us and hands on what is to be recorded.
 */
import type { CapturedEvent } from '../../event.ts';
import type { Refusal } from '../channel-feed.ts';
import { detachText } from '../detach-text.ts';
import { prefixNick, splitIrcLine } from '../irc-line.ts';
import { ChannelMembers } from './channel-members.ts';
import { ChatHistory } from './chat-history.ts';
import { ircCommand } from './irc-command.ts';
import { IrcConnection, type IrcConnectionOptions } from './irc-connection.ts';
import { type IrcView, inChannel, parseIrcEvent } from './irc-event.ts';
import { type IrcNames, ircNames, modeChanges } from './irc-names.ts';
import { joinRefusal } from './irc-refusals.ts';
import { JoinThrottle } from './join-throttle.ts';
import type { OddReason } from './line-splitter.ts';
import { OddLines } from './odd-lines.ts';

export interface IrcSessionOptions {
  platform: string;
  connection: IrcConnectionOptions;
  joinIntervalMs: number;
  historyTimeoutMs: number;
  nickServPassword: string | undefined;
  /** NickServ may take so long before channels are joined all the same. */
  nickServMs: number;
  /** The wanted nick is asked for again so often while another one is in use. */
  regainNickMs: number;
  now(): number;
}

/** Who owns the session. Channels are named as they are configured. */
export interface IrcSessionOwner {
  /** The names of the configured channels; asked again when the server has said how it compares names. */
  channels(): Iterable<string>;
  /** A channel's turn has come: its JOIN is on the wire next. Returns the key, `false` where it is not wanted any more. */
  joining(channel: string): { key: string | undefined } | false;
  joined(channel: string): void;
  /** Kicked, or parted by the server. */
  removed(channel: string, reason: string): void;
  /** False where no join was under way: the line is recorded then. */
  refused(channel: string, as: Refusal, reason: string): boolean;
  event(captured: CapturedEvent): void;
  /** What was said before, all of it with an identity. */
  playback(channel: string, events: readonly CapturedEvent[]): void;
  /** SASL failed, or a protocol line made no sense: the session goes on. */
  warn(fields: object, message: string): void;
}

const PROTOCOL = new Set('PING PONG CAP AUTHENTICATE ERROR 042 353 366 372 375 376 396 422'.split(' '));
const PROTOCOL_NUMERIC = /^(00\d|2\d\d|43\d|9\d\d)$/;

export class IrcSession {
  readonly connection: IrcConnection;
  readonly history: ChatHistory;
  readonly #options: IrcSessionOptions;
  readonly #owner: IrcSessionOwner;
  readonly #joins: JoinThrottle;
  readonly #oddLines = new OddLines();
  readonly #members = new ChannelMembers(() => this.#names);
  readonly #view: IrcView;
  readonly #nickServSpoke = Promise.withResolvers<void>();
  #names: IrcNames = ircNames({});
  /** Folded name to the configured one. */
  #spelling = new Map<string, string>();
  #askedForNickAtMs = performance.now();

  constructor(options: IrcSessionOptions, owner: IrcSessionOwner) {
    this.#options = options;
    this.#owner = owner;
    this.connection = new IrcConnection(options.connection, {
      line: (line, command, receivedAtMs) => this.#line(line, command, receivedAtMs),
      bytes: (bytes, reason, piece, receivedAtMs) => this.#bytes(bytes, reason, piece, receivedAtMs),
      trouble: (error, line) => owner.warn({ err: error, line }, 'protocol line not understood'),
      saslFailed: (reason) => owner.warn({ reason }, 'SASL login failed: going on without'),
    });
    this.#joins = new JoinThrottle({
      intervalMs: options.joinIntervalMs,
      send: (channel) => this.#join(channel),
    });
    this.history = new ChatHistory({
      send: (line) => this.connection.send(line),
      fold: (name) => this.#names.fold(name),
      isLabeled: () => this.connection.capEnabled('labeled-response'),
      playback: (channel, lines) => this.#playback(channel, lines),
      timeoutMs: options.historyTimeoutMs,
    });
    this.#view = this.#newView();
  }

  /** Rejects where the connection cannot be had; resolves when channels may be joined. */
  async open(signal: AbortSignal): Promise<void> {
    await this.connection.open(signal);
    this.#learnNames();
    await Promise.race([this.#identify(), this.connection.closed]);
  }

  /** To be called when the connection has ended. */
  end(): void {
    this.#joins[Symbol.dispose]();
  }

  join(channel: string): void {
    this.#spell();
    if (this.connection.isOpen) this.#joins.add(channel);
  }

  /** `isIn`: joined, or about to be. */
  part(channel: string, isIn: boolean): void {
    this.#spell();
    this.#joins.remove(channel);
    this.#members.clear(channel);
    if (isIn) this.connection.send(`PART ${channel}`);
  }

  /** To be called from time to time. */
  tick(): void {
    if (!this.connection.isOpen || this.#isMe(this.#options.connection.nick)) return;
    if (performance.now() - this.#askedForNickAtMs < this.#options.regainNickMs) return;
    this.#askedForNickAtMs = performance.now();
    this.connection.send(`NICK ${this.#options.connection.nick}`);
  }

  parse(line: string, receivedAtMs: number, source?: 'backfill'): CapturedEvent {
    return parseIrcEvent(line, receivedAtMs, this.#view, source);
  }

  /** NickServ, where SASL is not to be had; its answer is waited for, because channels may ask for the login. */
  async #identify(): Promise<void> {
    const { nickServPassword, nickServMs, connection } = this.#options;
    if (nickServPassword === undefined || (connection.sasl && this.connection.capEnabled('sasl'))) return;
    this.connection.send(`PRIVMSG NickServ :IDENTIFY ${nickServPassword}`);
    const timer = setTimeout(this.#nickServSpoke.resolve, nickServMs);
    await this.#nickServSpoke.promise;
    clearTimeout(timer);
  }

  #join(channel: string): void {
    const turn = this.#owner.joining(channel);
    if (turn)
      this.connection.send(turn.key === undefined ? `JOIN ${channel}` : `JOIN ${channel} ${turn.key}`);
  }

  #line(line: string, command: string, receivedAtMs: number): void {
    // History first: its joins and parts are no longer true.
    if (this.history.take(line)) return;
    if (command !== 'PRIVMSG' && this.#isProtocol(line, command)) return;
    const captured = this.parse(line, receivedAtMs);
    // All that we ever say is a password to NickServ; echo-message gives it back.
    if (captured.event.direction === 'outgoing' && captured.event.type === 'private') return;
    const channels = command === 'QUIT' || command === 'NICK' ? this.#concerned(captured) : [];
    if (channels.length === 0) this.#owner.event(captured);
    else for (const channel of channels) this.#owner.event(inChannel(captured, channel));
  }

  #bytes(bytes: Buffer, reason: OddReason, piece: number, receivedAtMs: number): void {
    // A kick is one, whatever alphabet its reason is written in.
    if (reason === 'not UTF-8') {
      const text = bytes.toString('utf8');
      this.#isProtocol(text, ircCommand(text));
    }
    this.#owner.event(this.#oddLines.event(bytes, reason, piece, (line) => this.parse(line, receivedAtMs)));
  }

  /** A server that plays back at the join what was said before: only what can be told from what we have. */
  #playback(channel: string, lines: readonly string[]): void {
    const events = lines.map((line) => this.parse(line, this.#options.now(), 'backfill'));
    const known = events.filter(({ identity }) => identity !== '');
    if (known.length > 0) this.#owner.playback(this.#configured(channel) ?? channel, known);
  }

  /** The configured channels where the user is who quits or changes nick. */
  #concerned({ event }: CapturedEvent): string[] {
    const isNick = event.platform_event === 'NICK';
    const folded = isNick
      ? this.#members.rename(event.username, event.target ?? '')
      : this.#members.quit(event.username);
    return folded.map((name) => this.#spelling.get(name)).filter((name) => name !== undefined);
  }

  /** Draws what a line says about us, our channels and their members; true where that is all it says. */
  #isProtocol(line: string, command: string): boolean {
    switch (command) {
      case 'JOIN':
      case 'PART':
      case 'KICK':
      case 'MODE':
      case 'NICK':
        return this.#isOwnDoing(line, command);
      case 'NOTICE':
        if (prefixNick(splitIrcLine(line).prefix).toLowerCase() === 'nickserv') this.#nickServSpoke.resolve();
        // Before the login it is about the login.
        return !this.connection.isOpen;
      case 'BATCH':
        this.history.batch(line);
        return true;
      case 'ACK':
        this.history.acknowledged(line);
        return true;
      case 'FAIL':
        this.history.failed(splitIrcLine(line).params);
        return false;
      case '005':
        // irc-framework has read it already.
        this.#learnNames();
        return true;
      case '353': {
        const { params } = splitIrcLine(line);
        for (const entry of (params[3] ?? '').split(' ')) this.#members.addNamed(params[2] ?? '', entry);
        return true;
      }
      default:
        return PROTOCOL.has(command) || PROTOCOL_NUMERIC.test(command) || this.#isRefusal(line, command);
    }
  }

  #isOwnDoing(line: string, command: 'JOIN' | 'PART' | 'KICK' | 'MODE' | 'NICK'): boolean {
    const { prefix, params } = splitIrcLine(line);
    const nick = prefixNick(prefix);
    const isOwn = this.#isMe(nick);
    const target = params[0] ?? '';
    switch (command) {
      case 'JOIN':
        if (isOwn) this.#joined(target);
        else this.#members.add(target, nick);
        return isOwn;
      case 'PART':
        if (isOwn) this.#left(target, 'parted by the server');
        else this.#members.remove(target, nick);
        return isOwn;
      case 'KICK':
        this.#members.remove(target, params[1] ?? '');
        if (this.#isMe(params[1] ?? ''))
          this.#left(target, `kicked by ${nick}${params[2] ? `: ${params[2]}` : ''}`);
        return false;
      case 'MODE':
        if (!this.#names.isChannel(target)) return true;
        this.#members.change(target, modeChanges(params.slice(1), this.#names));
        return false;
      case 'NICK':
        // irc-framework has changed its own already.
        return isOwn || this.#isMe(target);
      default:
        return command satisfies never;
    }
  }

  #isMe(nick: string): boolean {
    return this.#names.fold(nick) === this.#names.fold(this.connection.nick);
  }

  #joined(target: string): void {
    const name = this.#configured(target);
    if (name === undefined) {
      // Forwarded there, or no longer wanted.
      this.connection.send(`PART ${target}`);
      return;
    }
    this.#members.clear(target);
    this.#owner.joined(name);
  }

  #left(target: string, reason: string): void {
    this.#members.clear(target);
    const name = this.#configured(target);
    if (name !== undefined) this.#owner.removed(name, detachText(reason));
  }

  #isRefusal(line: string, command: string): boolean {
    const { params } = splitIrcLine(line);
    const refusal = joinRefusal(command, params.at(-1) ?? '');
    const name = refusal && this.#configured(params[1] ?? '');
    return (
      name !== undefined && refusal !== undefined && this.#owner.refused(name, refusal.as, refusal.reason)
    );
  }

  #configured(target: string): string | undefined {
    return this.#spelling.get(this.#names.fold(target));
  }

  #learnNames(): void {
    this.#names = ircNames(this.connection.isupport);
    this.#spell();
  }

  #spell(): void {
    this.#spelling = new Map([...this.#owner.channels()].map((name) => [this.#names.fold(name), name]));
  }

  #newView(): IrcView {
    const session = this;
    return {
      platform: this.#options.platform,
      get names() {
        return session.#names;
      },
      get nick() {
        return session.connection.nick;
      },
      channelName: (target) => session.#configured(target) ?? target,
      isModerator: (channel, nick) => session.#members.isModerator(channel, nick),
    };
  }
}
