/**
 * Channel names as people write them, made into what the platforms compare. Both functions answer with the name or
 * with what is wrong in it.
 */
export type NameResult = { name: string } | { problem: string };

const TWITCH_URL = /^(?:https?:\/\/)?(?:www\.|m\.)?twitch\.tv\/([^/?#]*)\/?(?:[?#].*)?$/i;

/** A Twitch login: lower case, without `#`; the address of the channel's page will do too. */
export function twitchChannelName(text: string): NameResult {
  const login = (TWITCH_URL.exec(text.trim())?.[1] ?? text.trim().replace(/^#/, '')).toLowerCase();
  if (/^[a-z0-9_]{1,25}$/.test(login)) return { name: login };
  return { problem: 'should be a Twitch login: 1 to 25 of a-z, 0-9 and _' };
}

/** An IRC channel as the network spells it. A name without one of `#&+!` in front gets a `#`. */
export function ircChannelName(text: string): NameResult {
  if (/[\s,\0\x07]/.test(text)) {
    return { problem: 'should be an IRC channel: no space, comma, line end, NUL or BEL' };
  }
  const name = /^[#&+!]/.test(text) ? text : `#${text}`;
  if (name.length < 2) return { problem: 'should be an IRC channel such as "#chatlog"' };
  // A JOIN line holds 512 bytes.
  if (Buffer.byteLength(name) > 400) return { problem: 'should be an IRC channel of at most 400 bytes' };
  return { name };
}

/** Equal for two spellings of one IRC channel (RFC 1459 case mapping). */
export function foldIrcName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[[\]\\~]/g, (character) => ({ '[': '{', ']': '}', '\\': '|', '~': '^' })[character]!);
}

/** The name rules of a platform as the configuration calls it: `twitch`, `irc-<network>`. */
export function channelName(platform: string, text: string): NameResult {
  return platform === 'twitch' ? twitchChannelName(text) : ircChannelName(text);
}

/** Equal where two names mean one channel of the platform; a name that is none is compared as it is. */
export function channelIdentity(platform: string, text: string): string {
  const result = channelName(platform, text);
  if ('problem' in result) return text;
  return platform === 'twitch' ? result.name : foldIrcName(result.name);
}
