/** What was said in each channel, as the recent-messages service remembers it: bounded per channel, in order of arrival. */
import { commandOf } from './corpus.ts';

export interface RememberedLine {
  /** The line as Twitch sent it. */
  readonly line: string;
  /** When the service got it, ms since the epoch. */
  readonly receivedMs: number;
}

/** The commands that the service keeps. */
const KEPT = new Set(['PRIVMSG', 'CLEARCHAT', 'CLEARMSG', 'USERNOTICE', 'NOTICE', 'ROOMSTATE']);

export class ChannelHistory {
  readonly #lines = new Map<string, RememberedLine[]>();
  readonly #linesMax: number;

  constructor(linesMax: number) {
    this.#linesMax = linesMax;
  }

  add(channel: string, line: string, receivedMs: number): void {
    if (!KEPT.has(commandOf(line))) return;
    const lines = this.#lines.get(channel) ?? [];
    lines.push({ line, receivedMs });
    if (lines.length > this.#linesMax) lines.shift();
    this.#lines.set(channel, lines);
  }

  of(channel: string): readonly RememberedLine[] {
    return this.#lines.get(channel) ?? [];
  }

  forget(channel: string): void {
    this.#lines.delete(channel);
  }
}
