/**
 * Chat of a VOD or clip as TwitchDownloader saves it (JSON): `{"FileInfo", "streamer", "video", "comments": [...],
 * "embeddedData"}`. The ids of its comments are those of the messages. Pictures and what stands in profiles are left out.
 * Sources: TwitchDownloader's `TwitchObjects/ChatRoot.cs`, `Chat/ChatJson.cs`.
 */
import type { Emote } from '../../../event.ts';
import { reading } from '../import-event.ts';
import type { ImportFormat, Reading, SourceInfo } from '../import-format.ts';
import { isRecord, jsonTime, listOf, textOf } from './json-values.ts';

export const twitchdownloader: ImportFormat = {
  name: 'twitchdownloader',
  title: 'TwitchDownloader chats (JSON)',
  detect({ head }) {
    const text = head.toString('utf8').trimStart();
    if (!text.startsWith('{')) return undefined;
    const isChat = /"streamer"\s*:\s*\{/.test(text) || /"content_offset_seconds"\s*:/.test(text);
    return isChat && /"comments"\s*:\s*\[/.test(text) ? 'JSON with "streamer" and "comments"' : undefined;
  },
  open: ({ settings }: SourceInfo) => {
    const streamer: Streamer = { login: settings.channel?.replace(/^#/, '').toLowerCase() };
    const platform = settings.platform ?? 'twitch';
    return {
      kind: 'json',
      records: 'comments',
      members: ['streamer'],
      member: (_name, value) => {
        if (!isRecord(value)) return;
        streamer.login ??= (textOf(value.login) ?? textOf(value.name))?.toLowerCase();
      },
      read: (comment) => [readComment(comment, platform, streamer.login)],
    };
  },
};

interface Streamer {
  login: string | undefined;
}

function readComment(comment: unknown, platform: string, channel: string | undefined): Reading {
  if (!isRecord(comment)) return { reject: 'no comment: it is no object' };
  if (channel === undefined)
    return { reject: 'the streamer is not named before the comments; add --channel NAME' };
  const time = jsonTime(comment.created_at);
  if (!time) return { reject: 'its time cannot be told' };
  const commenter = isRecord(comment.commenter) ? comment.commenter : {};
  const message = isRecord(comment.message) ? comment.message : {};
  const body = typeof message.body === 'string' ? message.body : '';
  const displayName = textOf(commenter.display_name);
  const draft = {
    id: textOf(comment._id),
    username: textOf(commenter.name) ?? displayName?.toLowerCase(),
    user_id: textOf(commenter._id),
    display_name: displayName,
    message: body,
    action: message.is_action === true ? (true as const) : undefined,
    emotes: emotesOf(listOf(message.fragments), body),
    badges: badgesOf(listOf(message.user_badges)),
    tags: tagsOf(comment, message),
  };
  return reading(draft, { platform, channel }, time.timeMs, time.exactMs);
}

/** Undefined where the fragments do not make up the text: their places would be wrong. */
function emotesOf(fragments: readonly Record<string, unknown>[], body: string): Emote[] | undefined {
  const ranges = new Map<string, [number, number][]>();
  let text = '';
  let at = 0;
  for (const fragment of fragments) {
    const piece = typeof fragment.text === 'string' ? fragment.text : '';
    const length = [...piece].length;
    const id = isRecord(fragment.emoticon) ? textOf(fragment.emoticon.emoticon_id) : undefined;
    if (id !== undefined && length > 0) ranges.set(id, [...(ranges.get(id) ?? []), [at, at + length - 1]]);
    text += piece;
    at += length;
  }
  if (ranges.size === 0 || text !== body) return undefined;
  return [...ranges].map(([id, found]) => ({ id, ranges: found }));
}

function badgesOf(badges: readonly Record<string, unknown>[]): string[] | undefined {
  return badges.length === 0 ? undefined : badges.map(({ _id, version }) => `${_id}/${version}`);
}

/** Named as Twitch's IRC tags where there is one. */
function tagsOf(
  comment: Record<string, unknown>,
  message: Record<string, unknown>,
): Record<string, string> | undefined {
  const notice = isRecord(message.user_notice_params) ? message.user_notice_params : {};
  const bits =
    typeof message.bits_spent === 'number' && message.bits_spent > 0 ? String(message.bits_spent) : undefined;
  const offset = comment.content_offset_seconds;
  const tags = {
    bits,
    color: textOf(message.user_color),
    'msg-id': textOf(notice.msg_id ?? notice['msg-id']),
    'room-id': textOf(comment.channel_id),
    'video-id': textOf(comment.content_id),
    'video-offset-seconds': typeof offset === 'number' ? String(offset) : undefined,
  };
  const known = Object.entries(tags).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return known.length === 0 ? undefined : Object.fromEntries(known);
}
