/**
 * What forgetting a person does to one event: their own and those that happened to them go; in the events of others, what
 * names or quotes them is blanked, and nothing else changes.
 *
 * Blanked are: the tags of a reply to them (`reply-parent-…`, which quote what they said), tags that hold their id or name
 * (the recipient of a gift), `@name` and an addressing `name:` at the beginning of a text, their name as a word in sentences of
 * the platform (`system_message`, `reason`, notices, topics and modes), and a `moderator` who was them. Text is blanked by as many
 * asterisks, since emotes count places in it. An exact original (`raw`) that holds what was blanked goes wholly.
 */
import { type ChatEvent, eventType } from '../event.ts';
import { userKeyOf } from './privacy-gate.ts';

/** Who is to be removed, as lines name them. */
export interface Person {
  /** @param userKey as {@link userKeyOf} makes it: of one who is named only by a login, `~` and the login */
  isUser(userKey: string): boolean;
  /** Whether one who is named in passing, by a login or display name, is them. */
  isName(name: string): boolean;
}

/** `remove`: the event is theirs or about them. An event: in its place, with what named them blanked. */
export function redactEvent(event: ChatEvent, person: Person): 'keep' | 'remove' | ChatEvent {
  if (isBy(event, person) || isAbout(event, person)) return 'remove';
  const blanked = new Set<string>();
  const changes: Partial<ChatEvent> = {};
  const message = blankText(event, person, blanked);
  if (message !== event.message) changes.message = message;
  // Lines of an archive may be anybody's: what is optional may be anything.
  const { moderator } = event;
  const tags = typeof event.tags === 'object' && event.tags !== null ? event.tags : undefined;
  for (const member of ['system_message', 'reason'] as const) {
    const sentence = event[member];
    if (typeof sentence !== 'string') continue;
    const blank = blankWords(sentence, person, blanked);
    if (blank !== sentence) changes[member] = blank;
  }
  if (typeof moderator === 'string' && person.isName(moderator)) {
    blanked.add(moderator);
    changes.moderator = undefined;
  }
  const answers = tags !== undefined && isReplyTo(tags, person);
  if (answers && event.reply_to !== undefined) changes.reply_to = undefined;
  const blankedTags = tags && blankTags(tags, person, answers, blanked);
  if (blankedTags !== tags) changes.tags = blankedTags;
  const isChanged = Object.keys(changes).length > 0;
  if (holdsOriginal(event, person, blanked, isChanged))
    Object.assign(changes, { raw: undefined, raw_base64: undefined });
  else if (!isChanged) return 'keep';
  return { ...event, ...changes };
}

function isBy({ user_id: id, username }: ChatEvent, person: Person): boolean {
  return (id !== '' || username !== '') && person.isUser(userKeyOf(id, username));
}

function isAbout({ target, target_user_id: id }: ChatEvent, person: Person): boolean {
  if (typeof id === 'string' && id !== '') return person.isUser(id);
  if (typeof target !== 'string') return false;
  // IRC bans name masks: nick!user@host, several in one line.
  return target.split(/[ !]/).some((name) => name !== '' && person.isUser(userKeyOf('', name)));
}

function isReplyTo(tags: Record<string, string | true>, person: Person): boolean {
  const text = (name: string) => (typeof tags[name] === 'string' ? tags[name] : '');
  const [id, login] = [text('reply-parent-user-id'), text('reply-parent-user-login')];
  return (id !== '' || login !== '') && person.isUser(userKeyOf(id, login));
}

function blankTags(
  tags: Record<string, string | true>,
  person: Person,
  answers: boolean,
  blanked: Set<string>,
): Record<string, string | true> {
  let isChanged = false;
  const entries = Object.entries(tags).map(([name, value]): [string, string | true] => {
    if (typeof value !== 'string' || value === '') return [name, value];
    const isQuote = answers && name.startsWith('reply-parent-');
    const isThread = name.startsWith('reply-thread-parent-') && isThreadOf(tags, person);
    const isId = /(?:^|-)(?:user-)?id$/.test(name) && person.isUser(value);
    if (!isQuote && !isThread && !isId && !person.isName(value)) {
      const text = blankMentions(value, person, blanked);
      isChanged ||= text !== value;
      return [name, text];
    }
    blanked.add(value);
    isChanged = true;
    return [name, ''];
  });
  return isChanged ? Object.fromEntries(entries) : tags;
}

function isThreadOf(tags: Record<string, string | true>, person: Person): boolean {
  const id = tags['reply-thread-parent-user-id'];
  const login = tags['reply-thread-parent-user-login'];
  if (typeof id === 'string' && id !== '') return person.isUser(id);
  return typeof login === 'string' && person.isName(login);
}

/** What people say may hold a name as an ordinary word; what the platform says means the person. */
const SAID_BY_PEOPLE: ReadonlySet<string> = new Set(['message', 'edit', 'private', 'media', 'poll']);

function blankText(event: ChatEvent, person: Person, blanked: Set<string>): string {
  const { message } = event;
  if (message === '') return message;
  const text = blankMentions(message, person, blanked);
  const isSentence = !SAID_BY_PEOPLE.has(eventType(event)) && event.system_message === undefined;
  return isSentence ? blankWords(text, person, blanked) : text;
}

/** Letters and digits of any script, and what IRC and Twitch allow in names beside them. */
const NAME = String.raw`[\p{L}\p{N}_\-[\]\\^{}|\x60]+`;
const MENTION = new RegExp(`@(${NAME})`, 'gu');
const ADDRESSED = new RegExp(`^(${NAME})(?=[:,])`, 'u');
const WORD = new RegExp(NAME, 'gu');

function blankMentions(text: string, person: Person, blanked: Set<string>): string {
  const blank = (name: string) => {
    blanked.add(name);
    return stars(name);
  };
  const addressed = text.replace(ADDRESSED, (name) => (person.isName(name) ? blank(name) : name));
  if (!addressed.includes('@')) return addressed;
  return addressed.replace(MENTION, (whole, name: string) =>
    person.isName(name) ? `@${blank(name)}` : whole,
  );
}

function blankWords(text: string, person: Person, blanked: Set<string>): string {
  return text.replace(WORD, (word) => {
    if (!person.isName(word)) return word;
    blanked.add(word);
    return stars(word);
  });
}

/** One for each code point. */
function stars(text: string): string {
  return '*'.repeat([...text].length);
}

function holdsOriginal(
  { raw, raw_base64: bytes }: ChatEvent,
  person: Person,
  blanked: ReadonlySet<string>,
  isChanged: boolean,
): boolean {
  if (raw === undefined && bytes === undefined) return false;
  // What cannot be read exactly may hold anything.
  if (bytes !== undefined && isChanged) return true;
  const text = typeof raw === 'string' ? raw : '';
  if ([...blanked].some((piece) => text.includes(piece))) return true;
  return (text.match(WORD) ?? []).some((word) => person.isName(word));
}
