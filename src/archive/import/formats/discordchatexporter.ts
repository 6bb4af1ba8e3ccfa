/**
 * A channel of Discord as DiscordChatExporter saves it (JSON): `{"guild", "channel", "dateRange", "exportedAt", "messages": [...],
 * "messageCount"}`. Channels go by their id, which no two servers share; what has no member of its own is kept among `tags` (as
 * JSON where it is no text).
 * Source: DiscordChatExporter's `JsonMessageWriter.cs`.
 */
import type { Media } from '../../../event.ts';
import { type Draft, reading } from '../import-event.ts';
import type { ImportFormat, Reading, SourceInfo } from '../import-format.ts';
import { isRecord, jsonTime, listOf, textOf } from './json-values.ts';

export const discordchatexporter: ImportFormat = {
  name: 'discordchatexporter',
  title: 'DiscordChatExporter exports (JSON)',
  detect({ head }) {
    const text = head.toString('utf8').trimStart();
    const isExport =
      text.startsWith('{') &&
      /"guild"\s*:\s*\{/.test(text) &&
      /"channel"\s*:\s*\{/.test(text) &&
      /"messages"\s*:\s*\[/.test(text);
    return isExport ? 'JSON with "guild", "channel" and "messages"' : undefined;
  },
  open: ({ settings }: SourceInfo) => {
    const about: About = { channel: settings.channel, tags: {} };
    const platform = settings.platform ?? 'discord';
    return {
      kind: 'json',
      records: 'messages',
      members: ['guild', 'channel'],
      member: (name, value) => learn(about, name, value),
      read: (message) => [readMessage(message, platform, about)],
    };
  },
};

interface About {
  channel: string | undefined;
  tags: Record<string, string>;
}

function learn(about: About, name: string, value: unknown): void {
  if (!isRecord(value)) return;
  const id = textOf(value.id);
  if (name === 'channel') about.channel ??= id;
  const known = {
    [`${name}-id`]: id,
    [`${name}-name`]: textOf(value.name),
    category: textOf(value.category),
  };
  for (const [tag, text] of Object.entries(known)) if (text !== undefined) about.tags[tag] = text;
}

/** Said by people; all else is what Discord says happened. */
const SAID = new Set([
  'Default',
  'Reply',
  'ThreadStarterMessage',
  'ChatInputCommand',
  'ContextMenuCommand',
  '20',
  '23',
]);
/** What becomes a member of the event. */
const MEMBERS = new Set(['id', 'type', 'timestamp', 'content', 'author', 'attachments']);
/** Of the author, likewise. */
const AUTHOR_MEMBERS = new Set(['id', 'name', 'nickname']);

function readMessage(message: unknown, platform: string, { channel, tags }: About): Reading {
  if (!isRecord(message)) return { reject: 'no message: it is no object' };
  if (channel === undefined)
    return { reject: 'the channel is not named before the messages; add --channel NAME' };
  const time = jsonTime(message.timestamp);
  if (!time) return { reject: 'its time cannot be told' };
  const author = isRecord(message.author) ? message.author : {};
  const kind = String(message.type ?? 'Default');
  const content = typeof message.content === 'string' ? message.content : '';
  const reference = isRecord(message.reference) ? message.reference : {};
  const interaction = isRecord(message.interaction) ? textOf(message.interaction.name) : undefined;
  const media = mediaOf(message);
  const draft: Draft = {
    ...(SAID.has(kind) ? { message: content } : happened(kind, content)),
    id: textOf(message.id),
    username: textOf(author.name),
    user_id: textOf(author.id),
    display_name: textOf(author.nickname),
    reply_to: kind === 'Reply' ? textOf(reference.messageId) : undefined,
    media: media.length === 0 ? undefined : media,
    command: interaction === undefined ? undefined : { name: interaction },
    tags: { ...tags, ...rest(author, AUTHOR_MEMBERS, 'author-'), ...rest(message, MEMBERS, '') },
  };
  return reading(draft, { platform, channel }, time.timeMs, time.exactMs);
}

function happened(kind: string, content: string): Draft {
  return {
    type: kind === 'GuildMemberJoin' ? 'join' : 'notice',
    system_message: content,
    platform_event: kind,
  };
}

function mediaOf(message: Record<string, unknown>): Media[] {
  const files = listOf(message.attachments).map(({ url, fileName, fileSizeBytes: bytes }) => ({
    url: textOf(url),
    type: 'file',
    size_bytes: Number.isSafeInteger(bytes) && Number(bytes) >= 0 ? Number(bytes) : undefined,
    title: textOf(fileName),
  }));
  const stickers = listOf(message.stickers).map(({ sourceUrl, name }) => ({
    url: textOf(sourceUrl),
    type: 'sticker',
    title: textOf(name),
  }));
  return [...files, ...stickers];
}

/** Members that have none of their own in an event and say something. */
function rest(
  value: Record<string, unknown>,
  known: ReadonlySet<string>,
  prefix: string,
): Record<string, string> {
  const tags: Record<string, string> = {};
  for (const [name, member] of Object.entries(value)) {
    if (known.has(name) || saysNothing(member) || name === '__proto__') continue;
    tags[prefix + name] = typeof member === 'string' ? member : JSON.stringify(member);
  }
  return tags;
}

function saysNothing(value: unknown): boolean {
  return (
    value === null ||
    value === undefined ||
    value === false ||
    value === '' ||
    (Array.isArray(value) && value.length === 0)
  );
}
