/**
 * Codes with which people opt out by themselves: whoever says `!chatlog optout CODE` in a recorded chat is that person.
 * A code proves nothing by itself and is of use to nobody else; it lives for a minute, in this process alone.
 */
import { randomInt } from 'node:crypto';

export interface OptoutCodesOptions {
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Integers from 0 up to, without, `below`; `crypto.randomInt` when left out. */
  random?: (below: number) => number;
}

export const CODE_SECONDS = 60;
const OUTSTANDING_MAX = 1_000;
/** Without those that look like others. */
const LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789';
const CODE_CHARS = 6;

export class OptoutCodes {
  readonly #now: () => number;
  readonly #random: (below: number) => number;
  /** Until when each is good, in the order in which they were issued. */
  readonly #codes = new Map<string, number>();

  constructor({ now, random = randomInt }: OptoutCodesOptions) {
    this.#now = now;
    this.#random = random;
  }

  /** Undefined while too many wait to be said. */
  issue(): string | undefined {
    this.#dropExpired();
    if (this.#codes.size >= OUTSTANDING_MAX) return undefined;
    const code = Array.from({ length: CODE_CHARS }, () => LETTERS[this.#random(LETTERS.length)]).join('');
    this.#codes.set(code, this.#now() + CODE_SECONDS * 1000);
    return code;
  }

  /** Whether it is one of ours and good; it then is no longer. */
  redeem(code: string): boolean {
    this.#dropExpired();
    return this.#codes.delete(code.toLowerCase());
  }

  #dropExpired(): void {
    const nowMs = this.#now();
    for (const [code, untilMs] of this.#codes) {
      if (untilMs > nowMs) return;
      this.#codes.delete(code);
    }
  }
}

/** The code in `!<name> optout CODE`; undefined where a text is no such command. */
export function optoutCodeIn(text: string, name: string): string | undefined {
  const [command, verb, code, ...rest] = text.trim().split(/\s+/);
  if (command?.toLowerCase() !== `!${name}` || verb?.toLowerCase() !== 'optout') return undefined;
  return rest.length === 0 ? code : undefined;
}
