/**
 * Twitch lines as fast-check arbitraries: every command that a recorder meets in a channel, with the tags of today
 * (the corpus is of 2019), texts in every script, and the oddities that were seen in the field: empty `room-id`,
 * shuffled tags, lone and unknown escapes, tags without value, unknown tags and unknown kinds of notices.
 * Never NUL, CR or LF, and always well-formed Unicode, so that a line survives its way through UTF-8.
 */
import fc, { type Arbitrary } from 'fast-check';
import {
  CHANNEL,
  clearChat,
  clearMsg,
  hostTarget,
  membership,
  names,
  notice,
  privmsg,
  roomState,
  unknownCommand,
  userNotice,
  userState,
} from './arbitrary-drafts.ts';
import { channelName, login, sentAt, tagValue, text } from './arbitrary-tags.ts';

export interface LineOptions {
  /** Without `#`; default: any. */
  channel?: string;
  /** Tags in any order; by default they are sorted as Twitch sorts them. */
  shuffled?: boolean;
  /** As the recent-messages service sends them: marked `historical`, tags shuffled. */
  historical?: boolean;
}

/** A line of any kind that names a channel. */
export function twitchLine(options: LineOptions = {}): Arbitrary<string> {
  const draft = fc.oneof(
    { weight: 10, arbitrary: privmsg },
    { weight: 4, arbitrary: userNotice },
    { weight: 2, arbitrary: clearChat },
    { weight: 2, arbitrary: clearMsg },
    { weight: 2, arbitrary: roomState },
    { weight: 2, arbitrary: notice },
    ...(options.historical ? [] : [userState, membership, names, hostTarget, unknownCommand]),
  );
  return fc
    .tuple(
      draft,
      options.channel === undefined ? channelName : fc.constant(options.channel),
      oddTags,
      history,
    )
    .chain(([drafted, channel, odd, past]) => {
      const tags = drafted.tags && { ...drafted.tags, ...odd, ...(options.historical ? past : {}) };
      const written = Object.entries(tags ?? {}).map(([key, value]) =>
        value === true ? key : `${key}=${value}`,
      );
      const ordered =
        options.shuffled || options.historical
          ? fc.shuffledSubarray(written, { minLength: written.length })
          : fc.constant(sortTags(written));
      return ordered.map((list) => {
        const head = list.length > 0 ? `@${list.join(';')} ` : '';
        return `${head}:${drafted.prefix} ${drafted.rest.replace(CHANNEL, `#${channel}`)}`;
      });
    });
}

/** `count` lines, always the same ones for the same seed. */
export function sampleTwitchLines(count: number, seed: number, options: LineOptions = {}): string[] {
  return fc.sample(twitchLine(options), { seed, numRuns: count });
}

/** A line that belongs to no channel: what the server says of itself and of the connection. */
export function twitchControlLine(): Arbitrary<string> {
  const numeric = fc.constantFrom('001', '002', '003', '004', '372', '375', '376', '421');
  return fc.oneof(
    fc.constantFrom(
      'PING :tmi.twitch.tv',
      ':tmi.twitch.tv RECONNECT',
      ':tmi.twitch.tv CAP * ACK :twitch.tv/tags',
    ),
    fc.tuple(numeric, login, text).map(([code, nick, words]) => `:tmi.twitch.tv ${code} ${nick} :${words}`),
    text.map((words) => `:tmi.twitch.tv NOTICE * :${words}`),
    tagValue.map(
      (name) => `@badges=;display-name=${name};emote-sets=0;user-id=1 :tmi.twitch.tv GLOBALUSERSTATE`,
    ),
    fc
      .tuple(login, login, text, fc.nat())
      .map(
        ([from, to, words, id]) =>
          `@badges=;message-id=${id};thread-id=1_2;user-id=1 :${from}!${from}@${from}.tmi.twitch.tv WHISPER ${to} :${words}`,
      ),
  );
}

/** Twitch orders the written tags (`key=value`) by their bytes. */
export function sortTags(written: readonly string[]): string[] {
  return [...written].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** Tags that nobody told us of, on few lines. */
const oddTags: Arbitrary<Record<string, string | true>> = fc.oneof(
  { weight: 9, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc.record(
      {
        'brand-new': fc.oneof(tagValue, fc.constant(true as const)),
        'vendor.example/tag': tagValue,
        '+client-tag': fc.constant(true as const),
        UPPER: tagValue,
        ['__proto__']: tagValue,
        constructor: tagValue,
      },
      { requiredKeys: [] },
    ),
  },
);

const history: Arbitrary<Record<string, string>> = fc
  .tuple(sentAt, fc.boolean())
  .map(([received, deleted]) => ({
    historical: '1',
    'rm-received-ts': received,
    ...(deleted ? { 'rm-deleted': '1' } : {}),
  }));
