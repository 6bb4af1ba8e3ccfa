/**
 * A line as IRC clients show it; times are UTC:
 *
 *     13:00:05 #xqc @ann: hello
 *     13:00:06 #xqc * ann waves
 *     13:00:07 #xqc -!- bob has been timed out for 600 seconds
 *
 * Before a name: `~` broadcaster, `@` moderator, `+` VIP, `%` subscriber, `!` staff.
 */
import { textParts } from '../archive/formats/text.ts';
import { type ChatEvent, eventType } from '../event.ts';
import { escapeControl } from '../lib/escape-control.ts';
import { hash32 } from '../lib/hash.ts';
import type { Terminal } from './terminal.ts';

export interface ChatPaint extends Pick<Terminal, 'style'> {
  /** Bits of colour that the terminal has: 1 (none), 4, 8 or 24. */
  colorDepth: number;
}

const MARKS: readonly (readonly [badge: string, mark: string])[] = [
  ['broadcaster', '~'],
  ['staff', '!'],
  ['admin', '!'],
  ['moderator', '@'],
  ['vip', '+'],
  ['subscriber', '%'],
  ['founder', '%'],
];

/** Without its line end; whatever the event holds, it does nothing to the terminal. Throws where it is none of ours. */
export function chatLine(event: ChatEvent, paint: ChatPaint): string {
  const { time, channel, lead, message } = textParts(event);
  const head = `${paint.style('dim', time.slice(12, 20))} ${paint.style('cyan', channel)}`;
  const type = eventType(event);
  if (type === 'message' || type === 'private') {
    const marks = marksOf(event.badges ?? []);
    const name = painted(escapeControl(event.display_name || event.username), colourOf(event), paint);
    if (event.action) return `${head} * ${marks}${name} ${message}`;
    return `${head} ${marks}${name}: ${message}`;
  }
  const told = paint.style(TROUBLE.has(type) ? 'red' : 'yellow', lead);
  return message === '' ? `${head} ${told}` : `${head} ${told} ${message}`;
}

const TROUBLE: ReadonlySet<string> = new Set(['ban', 'timeout', 'delete', 'clear', 'gap']);

function marksOf(badges: readonly string[]): string {
  const sets = new Set(badges.map((badge) => badge.split('/', 1)[0]));
  const marks = MARKS.flatMap(([badge, mark]) => (sets.has(badge) ? [mark] : []));
  return [...new Set(marks)].join('');
}

type Colour = readonly [red: number, green: number, blue: number];

/** The user's own, else one that is always the same for a name. */
function colourOf({ tags, user_id: userId, username }: ChatEvent): Colour {
  const own = typeof tags?.color === 'string' ? /^#([0-9a-f]{6})$/i.exec(tags.color)?.[1] : undefined;
  const number = own === undefined ? hash32(userId || username) : Number.parseInt(own, 16);
  return readable([(number >> 16) & 0xff, (number >> 8) & 0xff, number & 0xff]);
}

/** Neither too dark nor too bright to be read before black and before white (ITU-R BT.601 luma, 0 to 255). */
function readable(colour: Colour): Colour {
  const luma = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2];
  const toward = (target: number, share: number) =>
    colour.map((part) => Math.round(part + (target - part) * share)) as unknown as Colour;
  if (luma < LUMA_MIN) return toward(255, (LUMA_MIN - luma) / (255 - luma));
  return luma > LUMA_MAX ? toward(0, (luma - LUMA_MAX) / luma) : colour;
}

const LUMA_MIN = 100;
const LUMA_MAX = 190;

function painted(text: string, [red, green, blue]: Colour, { colorDepth }: ChatPaint): string {
  if (colorDepth < 4) return text;
  const code = (() => {
    if (colorDepth >= 24) return `38;2;${red};${green};${blue}`;
    if (colorDepth >= 8) {
      const level = (part: number) => Math.round((part / 255) * 5);
      return `38;5;${16 + 36 * level(red) + 6 * level(green) + level(blue)}`;
    }
    return String(31 + ((red * 7 + green * 3 + blue) % 6));
  })();
  return `\u001b[1;${code}m${text}\u001b[0m`;
}
