/** What is asked for most of a line, without parsing it where it can be told so: in lines as Chatlog writes them. */
import { parsedLine } from '../scan/line-facts.ts';

/** The beginning of a line without escapes in it: these members are the line's own. */
const TEXT = String.raw`[^"\\\0-\x1f]*`;
const NAMES = `\\{"timestamp":"${TEXT}","channel":"${TEXT}","username":"${TEXT}","user_id":"${TEXT}","message":"`;
const BEFORE_MESSAGE = new RegExp(NAMES, 'y');
/** What a text of ASCII without escapes has none of. */
const ESCAPED = /[\\\0-\x1f]/;
const NOT_PLAIN = /[\\\0-\x1f\x80-\xff]/;
const TYPE = new RegExp(`^${NAMES}${TEXT}","platform":"${TEXT}"(?:,"type":"(${TEXT})")?`);
const CHANNEL = new RegExp(
  `^\\{"timestamp":"${TEXT}","channel":"(${TEXT})","username":"${TEXT}","user_id":"${TEXT}","message":"${TEXT}","platform":"(${TEXT})"`,
);
const TYPE_ELSEWHERE = ',"type":';
const CLOSING_BRACE = 0x7d;

/**
 * The text of the line at this place of the bytes; undefined where the line is no event, or has none.
 * @param characters the bytes as latin1, where they are at hand
 */
export function lineMessage(
  lines: Buffer,
  start: number,
  end: number,
  characters?: string,
): string | undefined {
  if (lines[end - 1] === CLOSING_BRACE) {
    const line = characters ?? lines.toString('latin1', start, end);
    BEFORE_MESSAGE.lastIndex = characters === undefined ? 0 : start;
    if (BEFORE_MESSAGE.test(line)) {
      const from = BEFORE_MESSAGE.lastIndex;
      const message = line.slice(from, line.indexOf('"', from));
      if (!NOT_PLAIN.test(message)) return message;
      if (!ESCAPED.test(message)) return Buffer.from(message, 'latin1').toString();
    }
  }
  return textOf(parsedLine(lines, start, end)?.message);
}

/** `message` where the line names no type; undefined where it is no event. */
export function lineType(lines: Buffer, start: number, end: number): string | undefined {
  if (lines[end - 1] === CLOSING_BRACE) {
    const bytes = lines.toString('latin1', start, end);
    const [head, type] = TYPE.exec(bytes) ?? [];
    if (type !== undefined) return type;
    if (head !== undefined && !bytes.includes(TYPE_ELSEWHERE, head.length)) return 'message';
  }
  const event = parsedLine(lines, start, end);
  return event && textOf(event.type ?? 'message');
}

/** `twitch/xqc`; '' where the line does not say it. */
export function lineChannel(lines: Buffer, start: number, end: number): string {
  const [, channel, platform] = CHANNEL.exec(lines.toString('latin1', start, end)) ?? [];
  if (channel !== undefined) return Buffer.from(`${platform}/${channel}`, 'latin1').toString();
  const event = parsedLine(lines, start, end);
  return textOf(event?.platform) && textOf(event?.channel) ? `${event!.platform}/${event!.channel}` : '';
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
