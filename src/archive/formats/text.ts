/**
 * Lines as text, in the style of IRC clients, one each; times are UTC:
 *
 *     [2026-11-20 13:00:05] #xqc <ann> hello
 *     [2026-11-20 13:00:06] #xqc * ann waves
 *     [2026-11-20 13:00:07] #xqc -!- bob has been timed out for 600 seconds
 */
import { type ChatEvent, eventType } from '../../event.ts';
import { escapeControl } from '../../lib/escape-control.ts';
import { eachEvent } from './event-at.ts';
import type { PlainFormat } from './format.ts';
import { eventSentence } from './sentence.ts';

/** A line in parts, each safe to print: what stands before its text, and the event's `message`. */
export interface TextParts {
  /** `[2026-11-20 13:00:05]` */
  time: string;
  /** `#xqc` */
  channel: string;
  /** `<ann>`, `* ann`, or `-!- ` and a sentence. */
  lead: string;
  /** '' where nothing was said. */
  message: string;
}

/** Throws for an event whose members are of other types than they should be. */
export function textParts(event: ChatEvent): TextParts {
  const { timestamp, channel, platform } = event;
  const sentence = eventSentence(event);
  // What was not understood has no text but itself.
  const message = event.type === 'raw' && event.message === '' ? (event.raw ?? '') : event.message;
  const isTold = sentence === undefined || (message !== '' && !SAID_ALREADY.has(eventType(event)));
  return {
    time: printable(`[${timestamp.slice(0, 10)} ${timestamp.slice(11, 19)}]`),
    channel: printable(platform === 'twitch' ? `#${channel}` : channel),
    lead: printable(leadOf(event, sentence, isTold)),
    message: isTold ? printable(message) : '',
  };
}

function leadOf(event: ChatEvent, sentence: string | undefined, isTold: boolean): string {
  if (sentence === undefined) return speaker(event);
  if (!isTold) return `-!- ${sentence}`;
  return event.type === 'notice' && event.username !== ''
    ? `-!- ${sentence} <${event.username}>`
    : `-!- ${sentence}:`;
}

/** Their sentence has the text in it. */
const SAID_ALREADY: ReadonlySet<string> = new Set(['part']);

function speaker(event: ChatEvent): string {
  const { username } = event;
  if (event.action) return `* ${username}`;
  switch (eventType(event)) {
    case 'notice':
      return `-${username}-`;
    case 'private':
      return `*${username}*`;
    default:
      return `<${username}>`;
  }
}

function printable(text: string): string {
  return escapeControl(text, { keepJoiners: true });
}

/** Without its line end. */
export function textLine(event: ChatEvent): string {
  const { time, channel, lead, message } = textParts(event);
  return `${time} ${channel} ${lead}${message === '' ? '' : ` ${message}`}`;
}

export const TEXT: PlainFormat = {
  kind: 'plain',
  extension: '.txt',
  header: () => Buffer.alloc(0),
  convert: (batch) => Buffer.concat(eachEvent(batch, (event) => `${textLine(event)}\n`)),
  footer: () => Buffer.alloc(0),
};
