/**
 * An IRC line in its parts, without interpreting any of them.
 * Grammar: https://modern.ircdocs.horse/#message-format and https://ircv3.net/specs/extensions/message-tags
 */
export interface IrcLine {
  /** The tag part between `@` and the first space, undivided; '' where there is none. */
  tags: string;
  /** Between `:` and the next space; '' where there is none. */
  prefix: string;
  command: string;
  /** The trailing parameter last, without its colon. */
  params: string[];
}

const SPACE = 0x20;
const COLON = 0x3a;
const AT = 0x40;

/** Never throws: what is not an IRC line has an empty command. `line` is without its line end. */
export function splitIrcLine(line: string): IrcLine {
  let position = 0;
  let tags = '';
  let prefix = '';
  if (line.charCodeAt(0) === AT) {
    const end = endOfToken(line, 0);
    tags = line.slice(1, end);
    position = skipSpaces(line, end);
  }
  if (line.charCodeAt(position) === COLON) {
    const end = endOfToken(line, position);
    prefix = line.slice(position + 1, end);
    position = skipSpaces(line, end);
  }
  const commandEnd = endOfToken(line, position);
  const command = line.slice(position, commandEnd);
  const params: string[] = [];
  position = skipSpaces(line, commandEnd);
  while (position < line.length) {
    if (line.charCodeAt(position) === COLON) {
      params.push(line.slice(position + 1));
      break;
    }
    const end = endOfToken(line, position);
    params.push(line.slice(position, end));
    position = skipSpaces(line, end);
  }
  return { tags, prefix, command, params };
}

/** The nick of `nick!user@host`, or the whole prefix of a server. */
export function prefixNick(prefix: string): string {
  const bang = prefix.indexOf('!');
  if (bang >= 0) return prefix.slice(0, bang);
  const at = prefix.indexOf('@');
  return at >= 0 ? prefix.slice(0, at) : prefix;
}

const UNESCAPED: Record<string, string> = { ':': ';', s: ' ', '\\': '\\', r: '\r', n: '\n' };

/** A tag value as meant. A lone or unknown escape drops its backslash and keeps the letter. */
export function unescapeTag(value: string): string {
  if (!value.includes('\\')) return value;
  return value.replace(/\\(.?)/gs, (_, letter: string) => UNESCAPED[letter] ?? letter);
}

const ESCAPED: Record<string, string> = { ';': '\\:', ' ': '\\s', '\\': '\\\\', '\r': '\\r', '\n': '\\n' };

/** A tag value as it is written on the wire. */
export function escapeTag(value: string): string {
  return /[; \\\r\n]/.test(value) ? value.replace(/[; \\\r\n]/g, (letter) => ESCAPED[letter]!) : value;
}

/**
 * The tags in the order in which they came, values unescaped, `true` where a tag has no `=`. Undefined where a
 * plain object cannot hold them as they are (a key twice, a key that reads as a number, `__proto__`).
 */
export function parseTags(tags: string): Record<string, string | true> | undefined {
  const parsed: Record<string, string | true> = {};
  if (tags === '') return parsed;
  for (const tag of tags.split(';')) {
    const equals = tag.indexOf('=');
    const key = equals < 0 ? tag : tag.slice(0, equals);
    if (key === '__proto__' || /^\d+$/.test(key) || Object.hasOwn(parsed, key)) return undefined;
    parsed[key] = equals < 0 ? true : unescapeTag(tag.slice(equals + 1));
  }
  return parsed;
}

function endOfToken(line: string, from: number): number {
  const end = line.indexOf(' ', from);
  return end < 0 ? line.length : end;
}

function skipSpaces(line: string, from: number): number {
  let position = from;
  while (line.charCodeAt(position) === SPACE) position++;
  return position;
}
