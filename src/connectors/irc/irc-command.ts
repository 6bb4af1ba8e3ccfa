const AT = 0x40;
const COLON = 0x3a;
const SPACE = 0x20;

/** The command of an IRC line, without looking at anything else; '' where there is none. Never throws. */
export function ircCommand(line: string): string {
  let position = 0;
  if (line.charCodeAt(0) === AT) position = nextToken(line, 0);
  if (line.charCodeAt(position) === COLON) position = nextToken(line, position);
  const end = line.indexOf(' ', position);
  return end < 0 ? line.slice(position) : line.slice(position, end);
}

function nextToken(line: string, from: number): number {
  let position = line.indexOf(' ', from);
  if (position < 0) return line.length;
  while (line.charCodeAt(position) === SPACE) position++;
  return position;
}
