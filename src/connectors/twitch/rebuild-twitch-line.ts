/**
 * Events of Twitch back to the IRC lines they were made of, without I/O: the other half of `twitch-line.ts`.
 * Twitch sends its tags sorted as `key=value` by bytes, so that those that became members have known places.
 */
import type { ChatEvent, Emote } from '../../event.ts';
import { escapeTag } from '../irc-line.ts';

/** The source that Twitch gives to a user's own lines. */
export function userPrefix(login: string): string {
  return `${login}!${login}@${login}.tmi.twitch.tv`;
}

/** The exact line, without its line end, that an event of platform `twitch` was made of. */
export function rebuildTwitchLine(event: ChatEvent): string {
  if (event.raw !== undefined) return event.raw;
  const tags = rebuildTags(event);
  const head = tags === '' ? '' : `@${tags} `;
  const channel = `#${event.channel}`;
  switch (event.type) {
    case undefined: {
      const text = event.action ? `\x01ACTION ${event.message}\x01` : event.message;
      return `${head}:${event.prefix ?? userPrefix(event.username)} PRIVMSG ${channel} :${text}`;
    }
    case 'notice':
      return `${head}:tmi.twitch.tv USERNOTICE ${channel}${event.message === '' ? '' : ` :${event.message}`}`;
    case 'ban':
    case 'timeout':
      return `${head}:tmi.twitch.tv CLEARCHAT ${channel} :${event.target}`;
    case 'clear':
      return `${head}:tmi.twitch.tv CLEARCHAT ${channel}`;
    case 'delete':
      return `${head}:tmi.twitch.tv CLEARMSG ${channel} :${event.message}`;
    case 'join':
    case 'part':
      return `${head}:${event.prefix ?? userPrefix(event.username)} ${event.type.toUpperCase()} ${channel}`;
    default:
      return '';
  }
}

/** The members that were tags, by the tag's name, in the order of Twitch's tags. */
const TAG_MEMBERS: [name: string, value: (event: ChatEvent) => string | undefined][] = [
  ['badges=', (event) => event.badges?.join(',')],
  ['ban-duration=', (event) => event.duration_seconds?.toString()],
  ['display-name=', (event) => event.display_name],
  ['emotes=', (event) => event.emotes && emotesTag(event.emotes)],
  ['id=', (event) => event.id],
  ['login=', loginTag],
  ['reply-parent-msg-id=', (event) => event.reply_to],
  ['system-msg=', (event) => event.system_message],
  ['target-msg-id=', (event) => event.target_message_id],
  ['target-user-id=', (event) => event.target_user_id],
  ['tmi-sent-ts=', timeTag],
  ['user-id=', (event) => event.user_id || undefined],
];

function rebuildTags(event: ChatEvent): string {
  let rebuilt = '';
  let next = 0;
  const takeUntil = (tag: string | undefined) => {
    for (; next < TAG_MEMBERS.length; next++) {
      const [name, value] = TAG_MEMBERS[next]!;
      if (tag !== undefined && tag < name) return;
      const text = value(event);
      if (text !== undefined) rebuilt += `;${name}${escapeTag(text)}`;
    }
  };
  for (const key in event.tags) {
    const value = event.tags[key]!;
    takeUntil(`${key}=`);
    rebuilt += value === true ? `;${key}` : `;${key}=${escapeTag(value)}`;
  }
  takeUntil(undefined);
  return rebuilt.slice(1);
}

function loginTag(event: ChatEvent): string | undefined {
  if (event.type === 'notice') return event.username || undefined;
  return event.type === 'delete' ? event.target : undefined;
}

function timeTag(event: ChatEvent): string | undefined {
  // Where the tag was not believed it is still among the tags; where it never was, the line differs and carries raw.
  if (event.tags && 'tmi-sent-ts' in event.tags) return undefined;
  return event.type === 'join' || event.type === 'part' ? undefined : String(Date.parse(event.timestamp));
}

function emotesTag(emotes: Emote[]): string {
  return emotes
    .map(({ id, ranges }) => `${id}:${ranges.map((range) => range.join('-')).join(',')}`)
    .join('/');
}
