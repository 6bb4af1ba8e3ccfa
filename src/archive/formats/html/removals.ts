/**
 * Which messages of a transcript were removed, said by style sheets alone: a message is written before its removal is known.
 * Each message belongs to groups, as classes; a removal strikes out the groups there were until then, and new messages
 * begin new ones.
 *
 * A deletion takes one message, a ban or timeout the user's messages of its day and the day before in that channel, a clear
 * everybody's. Memory grows with the people who were removed, not with the lines.
 */
import { type ChatEvent, eventType } from '../../../event.ts';
import { htmlName } from './escape-html.ts';
import { DELETED_STYLE } from './page.ts';

const DAY_MS = 86_400_000;

export class Removals {
  readonly #channels = new Map<string, number>();
  /** How often somebody (`1-7`), or a whole channel (`1`), was removed. */
  readonly #removed = new Map<string, number>();

  /** The message's classes. */
  groups(event: ChatEvent): string {
    const channel = this.#channel(event);
    const day = dayOf(event);
    return `${this.#group(channel, day)} ${this.#group(`${channel}-${userName(event.user_id, event.username)}`, day)}`;
  }

  /** A style sheet for what the event removed; '' where it is no removal. */
  style(event: ChatEvent): string {
    const selectors = this.#taken(event);
    if (selectors.length === 0) return '';
    return `<style>${selectors.map((selector) => `${selector} .t`).join()}${DELETED_STYLE}</style>`;
  }

  #taken(event: ChatEvent): string[] {
    switch (eventType(event)) {
      case 'delete':
        return event.target_message_id ? [`#${messageName(event.target_message_id)}`] : [];
      case 'ban':
      case 'timeout': {
        const user = userName(event.target_user_id ?? '', event.target ?? '');
        return this.#end(`${this.#channel(event)}-${user}`, dayOf(event));
      }
      case 'clear':
        return this.#end(String(this.#channel(event)), dayOf(event));
      default:
        return [];
    }
  }

  #end(whom: string, day: number): string[] {
    const selectors = [day - 1, day].map((each) => `.${this.#group(whom, each)}`);
    this.#removed.set(whom, (this.#removed.get(whom) ?? 0) + 1);
    return selectors;
  }

  #group(whom: string | number, day: number): string {
    return `g${whom}-${day}-${this.#removed.get(String(whom)) ?? 0}`;
  }

  #channel({ platform, channel }: ChatEvent): number {
    const name = `${platform}/${channel}`;
    let number = this.#channels.get(name);
    if (number === undefined) {
      number = this.#channels.size;
      this.#channels.set(name, number);
    }
    return number;
  }
}

/** An element's `id`, of a message's. */
export function messageName(id: string): string {
  return `m-${htmlName(id)}`;
}

function userName(userId: string, login: string): string {
  return htmlName(userId === '' ? `~${login}` : userId);
}

function dayOf({ timestamp }: ChatEvent): number {
  return Math.floor(Date.parse(timestamp) / DAY_MS);
}
