/**
 * The line: one chat event as Chatlog records it, whatever platform it came from.
 *
 * This file is the definition of the line (`event-schema.ts` checks one from outside); `docs/record-format.md` is its
 * contract for people who read the archive. Lines are written in about the order of the members below: what differs
 * from line to line stands together at both ends, which compresses best (`npm run bench -- compression`).
 */

/** Version of the line and of the objects' metadata; goes up when an older reader would misunderstand. */
export const RECORD_FORMAT_VERSION = 1;

/** What kind of event a line is. `message` is the default and is left out of the written line. */
export const EVENT_TYPES = [
  'message',
  'edit',
  'delete',
  'ban',
  'timeout',
  'unban',
  'untimeout',
  'clear',
  'notice',
  'join',
  'part',
  'presence',
  'room',
  'media',
  'poll',
  'status',
  'private',
  'gap',
  'raw',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** One emote used in a message. `ranges` are inclusive offsets in Unicode code points, as Twitch counts them. */
export interface Emote {
  id: string;
  ranges: [start: number, end: number][];
}

/** A file, picture, video or link that came with an event. */
export interface Media {
  url?: string;
  type?: string;
  mime?: string;
  size_bytes?: number;
  title?: string;
}

/** What became of the attempt to fill a gap from the platform's own history. */
export type BackfillOutcome =
  /** History reached back past the start of the gap: nothing is missing that the platform still has. */
  | 'complete'
  /** History was read but did not reach back to the start of the gap. */
  | 'partial'
  /** The history service does not know this channel, or says that it was not there. */
  | 'unavailable'
  /** The history service could not be reached, time after time. */
  | 'failed'
  /** Backfill is switched off in the configuration. */
  | 'off'
  /** The platform offers no history. */
  | 'none';

/** The body of a `gap` line: the feed of one channel was not recorded from `timestamp` to `until`. */
export interface GapDetail {
  /** RFC 3339 UTC, milliseconds. */
  until: string;
  backfill: BackfillOutcome;
  /** Lines recorded from the platform's history for this gap (duplicates not counted). */
  filled: number;
  /** Events that arrived and had to be shed (disk full, buffer full); absent for an outage of the feed. */
  dropped?: number;
}

/**
 * One line of the archive. The first five members are always there, `''` where the platform names nobody.
 * Everything else is left out where it is not known.
 */
export interface ChatEvent {
  /** RFC 3339 UTC with milliseconds: the platform's own time, else the time of arrival. */
  timestamp: string;
  /** The channel as the platform names it, without decoration where it has none of its own (Twitch: no `#`). `*` = none. */
  channel: string;
  /** Login or nick of who acted. */
  username: string;
  /** The platform's stable id of who acted. */
  user_id: string;
  /** The text that a person reads. */
  message: string;

  /** `twitch`, `kick`, ...; an IRC network is `irc-<name>`. */
  platform: string;
  /** Left out for `message`. */
  type?: Exclude<EventType, 'message'>;
  /** Left out for incoming events. */
  direction?: 'outgoing';
  /** True for `/me` texts (CTCP ACTION); `message` is then without its wrapping. */
  action?: true;
  /** Id of the message that this one answers. */
  reply_to?: string;
  emotes?: Emote[];
  display_name?: string;
  /** `set/version`, as `subscriber/12`. */
  badges?: string[];
  media?: Media[];
  /** A bot or admin command that this event is or carries. */
  command?: { name: string; status?: string; error?: string; admin?: boolean };
  moderator?: string;
  /** Login or nick of who the event happened to (banned, kicked, deleted). */
  target?: string;
  target_user_id?: string;
  /** Id of the message that the event happened to. */
  target_message_id?: string;
  duration_seconds?: number;
  reason?: string;
  /** The platform's own sentence about the event ("X subscribed for 5 months!"). */
  system_message?: string;
  gap?: GapDetail;
  /** The share of this channel's lines that is kept, 0 to 1; left out when all are. */
  sampling_rate?: number;
  /** How the line came here when not live. */
  source?: 'backfill' | 'import';
  /** The platform's own name of the event, where `type` alone does not tell (IRC command, event class). */
  platform_event?: string;
  /** IRC: the message's source (`nick!user@host` or server), where it cannot be told from the other members. */
  prefix?: string;
  /** Everything else that the platform said, keys in the platform's order; `true` = a tag without a value. */
  tags?: Record<string, string | true>;
  /** The platform's id of this event. */
  id?: string;
  /** RFC 3339 UTC with milliseconds: when this instance read it from the wire. */
  received_at?: string;
  /** The exact original line without its line end, where the other members do not suffice to rebuild it. */
  raw?: string;
  /** The exact original bytes in base64, where they are not UTF-8 (`raw` then holds a readable rendering). */
  raw_base64?: string;
}

/** A chat event on its way from a connector to the recorder, with what the recorder decides by. */
export interface CapturedEvent {
  readonly event: ChatEvent;
  /** The event's own time, milliseconds since the epoch; equals `event.timestamp`. Decides the segment. */
  readonly timeMs: number;
  /**
   * What makes this event the same event when it arrives twice (overlap, backfill, restart): the platform's
   * id, or a key made of everything that identifies it. Unique within the platform; `''` = never a duplicate.
   */
  readonly identity: string;
  /** True where sampling never drops it: moderation, notices, moderators, the broadcaster, gaps, raw lines. */
  readonly unsampled: boolean;
  /** Length of what came over the wire, in UTF-16 units: what bounds on memory go by. The text's where left out. */
  readonly wireChars?: number;
}

/** The type of an event, with the default that lines leave out. */
export function eventType(event: ChatEvent): EventType {
  return event.type ?? 'message';
}

/**
 * What makes two arrivals of an event one event, unique within its platform; '' where nothing does. The platform's
 * id where it gives one; for moderation, which has none, everything that identifies it. Computed from the line
 * alone, so that what an earlier run recorded is recognised too.
 */
export function eventIdentity(event: ChatEvent): string {
  if (event.id) return event.id;
  // Without the platform's own time two events of the same content cannot be told from one that came twice.
  if (event.timestamp === event.received_at) return '';
  switch (event.type) {
    case 'delete':
      return event.target_message_id ? `delete ${event.target_message_id}` : '';
    case 'ban':
    case 'timeout':
    case 'clear':
    case 'unban':
    case 'untimeout': {
      const target = event.target_user_id ?? event.target ?? '';
      return `${event.type} ${event.channel} ${event.timestamp} ${target} ${event.duration_seconds ?? ''}`;
    }
    default:
      return '';
  }
}
