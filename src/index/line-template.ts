/**
 * A line's members in two parts: the template, which many lines share, and what only this line has. The template is the
 * line with `0` where the value stands in a column of its row, and `null` where it is the next one of `rest`; every
 * other value is the line's own: badges, switches that Twitch's tags are, the order of the members.
 */

/** Members of the line, and one tag, that stand in columns where they have the form that columns hold. */
export type ColumnMember =
  | 'timestamp'
  | 'channel'
  | 'username'
  | 'user_id'
  | 'message'
  | 'platform'
  | 'display_name'
  | 'id'
  | 'received_at'
  | 'reply_to'
  | typeof THREAD_TAG;

export const THREAD_TAG = 'reply-thread-parent-msg-id';

/** Members that are the same in many lines. */
const SHARED_MEMBERS = new Set([
  'type',
  'direction',
  'action',
  'sampling_rate',
  'source',
  'platform_event',
  'badges',
]);
/** Tags of Twitch that have few values. */
const SHARED_TAGS = new Set([
  'emote-only',
  'first-msg',
  'mod',
  'returning-chatter',
  'room-id',
  'subscriber',
  'turbo',
  'user-type',
  'vip',
  'msg-id',
]);
const BADGES_MAX = 24;
const SHARED_CHARS_MAX = 64;
/** What is longer is hardly shared. */
const TEMPLATE_CHARS_MAX = 8_192;

export interface SplitLine {
  template: string;
  /** Undefined where nothing is left. */
  rest: string | undefined;
}

type Members = Record<string, unknown>;

/** Says of a member, or of the tag, whether its column gives this value back. */
export type IsInColumn = (member: string, value: unknown) => boolean;

/** Undefined where the line is too odd to be split. */
export function splitLine(event: Members, isInColumn: IsInColumn): SplitLine | undefined {
  const rest: unknown[] = [];
  let template = '';
  for (const member in event) {
    const value = event[member];
    template += template === '' ? '{' : ',';
    template += quoted(member);
    if (member !== THREAD_TAG && isInColumn(member, value)) template += '0';
    else if (member === 'tags' && isObject(value)) template += splitTags(value, isInColumn, rest);
    else template += SHARED_MEMBERS.has(member) ? sharedOr(value, rest) : volatile(value, rest);
  }
  const usable = usableTemplate(`${template}}`);
  if (usable === undefined) return undefined;
  return { template: usable, rest: rest.length === 0 ? undefined : JSON.stringify(rest) };
}

function splitTags(tags: Members, isInColumn: IsInColumn, rest: unknown[]): string {
  let template = '{';
  for (const tag in tags) {
    const value = tags[tag];
    if (template.length > 1) template += ',';
    template += quoted(tag);
    if (tag === THREAD_TAG && isInColumn(tag, value)) template += '0';
    else template += value === '' || SHARED_TAGS.has(tag) ? sharedOr(value, rest) : volatile(value, rest);
  }
  return `${template}}`;
}

function volatile(value: unknown, rest: unknown[]): string {
  rest.push(value);
  return 'null';
}

function sharedOr(value: unknown, rest: unknown[]): string {
  if (typeof value === 'string' && value.length <= SHARED_CHARS_MAX) return JSON.stringify(value);
  if (value === true || (typeof value === 'number' && value !== 0)) return JSON.stringify(value);
  if (Array.isArray(value) && value.length <= BADGES_MAX && value.every(isShortText))
    return JSON.stringify(value);
  return volatile(value, rest);
}

function isShortText(value: unknown): boolean {
  return typeof value === 'string' && value.length <= SHARED_CHARS_MAX;
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const quotedNames = new Map<string, string>();
const QUOTED_MAX = 1_000;

/** `"name":`, made once for each of the names that lines have. */
function quoted(name: string): string {
  const known = quotedNames.get(name);
  if (known !== undefined) return known;
  const text = `${JSON.stringify(name)}:`;
  if (quotedNames.size < QUOTED_MAX) quotedNames.set(name, text);
  return text;
}

const usableTemplates = new Map<string, string>();
const USABLE_MAX = 2_000;

/** The template, as one and the same text for all lines that have it; undefined where no template is made of it. */
function usableTemplate(template: string): string | undefined {
  const known = usableTemplates.get(template);
  if (known !== undefined) return known;
  // `jsonb` refuses the first two; an object with the third as a key is not what it says.
  if (template.length > TEMPLATE_CHARS_MAX || /\\u0000|\\ud[89a-f]|"__proto__":/.test(template))
    return undefined;
  if (usableTemplates.size >= USABLE_MAX) usableTemplates.clear();
  usableTemplates.set(template, template);
  return template;
}

/** The line's members again. `column` gives what stands in columns. */
export function joinLine(
  template: string,
  rest: string | null,
  column: (member: ColumnMember) => unknown,
): Members {
  const values: unknown[] = rest === null ? [] : JSON.parse(rest);
  let next = 0;
  const fill = (shape: Members): Members => {
    const filled: Members = {};
    for (const member in shape) {
      const value = shape[member];
      if (value === 0) filled[member] = column(member as ColumnMember);
      else if (value === null) filled[member] = values[next++];
      else if (member === 'tags' && isObject(value)) filled[member] = fill(value);
      else filled[member] = Array.isArray(value) ? [...value] : value;
    }
    return filled;
  };
  return fill(shapeOf(template));
}

const shapes = new Map<string, Members>();
const SHAPES_MAX = 2_000;

function shapeOf(template: string): Members {
  let shape = shapes.get(template);
  if (!shape) {
    shape = JSON.parse(template) as Members;
    if (shapes.size >= SHAPES_MAX) shapes.clear();
    shapes.set(template, shape);
  }
  return shape;
}
