/**
 * Who is in which channel, as the server tells us: to know which channels a QUIT or NICK concerns, and who moderates.
 * Bounded: beyond {@link MEMBERS_MAX} members in all, newcomers are not remembered (their QUIT goes to channel `*`).
 */
import { detachText } from '../detach-text.ts';
import type { IrcNames, ModeChange } from './irc-names.ts';

const MEMBERS_MAX = 200_000;

/** Not among the ranks of moderators. */
const VOICE = '+';

export class ChannelMembers {
  /** By folded channel, by folded nick: the signs of the user's ranks. */
  readonly #channels = new Map<string, Map<string, string>>();
  readonly #names: () => IrcNames;
  #count = 0;

  /** @param names may change when the server says what it compares by. */
  constructor(names: () => IrcNames) {
    this.#names = names;
  }

  add(channel: string, nick: string, signs = ''): void {
    const key = this.#names().fold(channel);
    const members = this.#channels.get(key) ?? new Map<string, string>();
    this.#channels.set(detachText(key), members);
    const folded = this.#names().fold(nick);
    if (!members.has(folded)) {
      if (this.#count >= MEMBERS_MAX) return;
      this.#count++;
    }
    members.set(detachText(folded), signs);
  }

  /** An entry of RPL_NAMREPLY (353): `@+nick` or, with userhost-in-names, `@nick!user@host`. */
  addNamed(channel: string, entry: string): void {
    const signs = this.#names()
      .ranks.map(({ sign }) => sign)
      .join('');
    let start = 0;
    while (start < entry.length && signs.includes(entry[start]!)) start++;
    const [nick] = entry.slice(start).split('!');
    if (nick) this.add(channel, nick, entry.slice(0, start));
  }

  remove(channel: string, nick: string): void {
    if (this.#channels.get(this.#names().fold(channel))?.delete(this.#names().fold(nick))) this.#count--;
  }

  /** We left the channel, or are about to be told anew who is in it. */
  clear(channel: string): void {
    const key = this.#names().fold(channel);
    this.#count -= this.#channels.get(key)?.size ?? 0;
    this.#channels.delete(key);
  }

  clearAll(): void {
    this.#channels.clear();
    this.#count = 0;
  }

  /** The channels (folded) where the user is known to be. */
  channelsOf(nick: string): string[] {
    const folded = this.#names().fold(nick);
    return [...this.#channels].filter(([, members]) => members.has(folded)).map(([channel]) => channel);
  }

  /** The user left the network; returns the channels (folded) where it was. */
  quit(nick: string): string[] {
    const channels = this.channelsOf(nick);
    for (const channel of channels) this.remove(channel, nick);
    return channels;
  }

  /** The user goes by another nick; returns the channels (folded) where it is. */
  rename(from: string, to: string): string[] {
    const folded = this.#names().fold(from);
    const channels = this.channelsOf(from);
    for (const channel of channels) {
      const signs = this.#channels.get(channel)?.get(folded) ?? '';
      this.remove(channel, from);
      this.add(channel, to, signs);
    }
    return channels;
  }

  /** MODE changed ranks. */
  change(channel: string, changes: readonly ModeChange[]): void {
    const members = this.#channels.get(this.#names().fold(channel));
    for (const { mode, isAdded, parameter } of changes) {
      const rank = this.#names().ranks.find((each) => each.mode === mode);
      if (!rank || parameter === undefined) continue;
      const nick = this.#names().fold(parameter);
      const signs = members?.get(nick);
      if (signs === undefined) continue;
      const others = signs.replaceAll(rank.sign, '');
      members!.set(nick, isAdded ? others + rank.sign : others);
    }
  }

  isModerator(channel: string, nick: string): boolean {
    const signs = this.#channels.get(this.#names().fold(channel))?.get(this.#names().fold(nick)) ?? '';
    return signs.replaceAll(VOICE, '') !== '';
  }
}
