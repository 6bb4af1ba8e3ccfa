/** One arbitrary for each command of Twitch's chat, without a channel and before its tags are put in order. */
import fc, { type Arbitrary } from 'fast-check';
import {
  badges,
  flag,
  login,
  messageExtras,
  number,
  reply,
  sentAt,
  sharedChat,
  tagValue,
  text,
  userTags,
  uuid,
} from './arbitrary-tags.ts';

export interface Draft {
  /** undefined = a line without tags. */
  tags?: Record<string, string | true>;
  prefix: string;
  /** Command and parameters, with {@link CHANNEL} in the channel's place. */
  rest: string;
}

export const CHANNEL = '{channel}';
const SERVER = 'tmi.twitch.tv';

export const privmsg: Arbitrary<Draft> = fc
  .tuple(userTags, messageExtras, sharedChat, reply, login, text, fc.integer({ min: 0, max: 9 }))
  .map(([tags, extras, shared, replied, nick, words, dice]) => ({
    tags: { ...tags, ...extras, ...shared, ...replied },
    prefix: `${nick}!${nick}@${nick}.tmi.twitch.tv`,
    rest: `PRIVMSG ${CHANNEL} :${dice === 0 ? `\x01ACTION ${words}\x01` : words}`,
  }));

const NOTICE_KINDS = [
  'sub',
  'resub',
  'subgift',
  'submysterygift',
  'primepaidupgrade',
  'giftpaidupgrade',
  'anongiftpaidupgrade',
  'standardpayforward',
  'communitypayforward',
  'primecommunitygiftreceived',
  'extendsub',
  'raid',
  'unraid',
  'ritual',
  'bitsbadgetier',
  'rewardgift',
  'announcement',
  'viewermilestone',
  'modiversary',
  'socialsharingbadge',
  'sharedchatnotice',
  'charitydonation',
  'something-new',
];

const noticeParameters = fc.record(
  {
    'msg-param-category': fc.constantFrom('watch-streak'),
    'msg-param-color': fc.constantFrom('PRIMARY', 'BLUE'),
    'msg-param-cumulative-months': number,
    'msg-param-displayName': tagValue,
    'msg-param-gift-months': number,
    'msg-param-login': login,
    'msg-param-mass-gift-count': number,
    'msg-param-months': number,
    'msg-param-origin-id': fc.constantFrom('da\\s39\\sa3\\see', '1234'),
    'msg-param-profileImageURL': fc.constant('https://static.example/p_%s-70x70.png'),
    'msg-param-recipient-display-name': tagValue,
    'msg-param-recipient-id': number,
    'msg-param-recipient-user-name': login,
    'msg-param-should-share-streak': flag,
    'msg-param-sub-plan': fc.constantFrom('Prime', '1000', '2000', '3000'),
    'msg-param-sub-plan-name': tagValue,
    'msg-param-viewerCount': number,
    'source-msg-id': fc.constantFrom('resub', 'raid', 'announcement'),
  },
  { requiredKeys: [] },
);

export const userNotice: Arbitrary<Draft> = fc
  .tuple(
    userTags,
    fc.record({ login, 'msg-id': fc.constantFrom(...NOTICE_KINDS), 'system-msg': tagValue }),
    noticeParameters,
    sharedChat,
    fc.option(text),
  )
  .map(([tags, what, parameters, shared, words]) => ({
    tags: { ...tags, ...what, ...parameters, ...shared },
    prefix: SERVER,
    rest: words === null ? `USERNOTICE ${CHANNEL}` : `USERNOTICE ${CHANNEL} :${words}`,
  }));

export const clearChat: Arbitrary<Draft> = fc
  .tuple(
    fc.record({ 'room-id': number, 'tmi-sent-ts': sentAt }),
    fc.constantFrom('ban', 'timeout', 'clear'),
    number,
    number,
    login,
  )
  .map(([tags, kind, userId, seconds, nick]) => ({
    tags: {
      ...tags,
      ...(kind === 'clear' ? {} : { 'target-user-id': userId }),
      ...(kind === 'timeout' ? { 'ban-duration': seconds } : {}),
    },
    prefix: SERVER,
    rest: kind === 'clear' ? `CLEARCHAT ${CHANNEL}` : `CLEARCHAT ${CHANNEL} :${nick}`,
  }));

export const clearMsg: Arbitrary<Draft> = fc
  .tuple(
    fc.record({
      login,
      'room-id': fc.oneof(fc.constant(''), number),
      'target-msg-id': uuid,
      'tmi-sent-ts': sentAt,
    }),
    text,
  )
  .map(([tags, words]) => ({ tags, prefix: SERVER, rest: `CLEARMSG ${CHANNEL} :${words}` }));

export const roomState: Arbitrary<Draft> = fc
  .tuple(
    fc.boolean(),
    fc.record({
      'emote-only': flag,
      'followers-only': fc.constantFrom('-1', '0', '10'),
      r9k: flag,
      slow: fc.constantFrom('0', '30'),
      'subs-only': flag,
    }),
    number,
    fc.constantFrom('emote-only', 'followers-only', 'r9k', 'slow', 'subs-only'),
  )
  .map(([full, all, roomId, changed]) => ({
    tags: { 'room-id': roomId, ...(full ? all : { [changed]: all[changed] }) },
    prefix: SERVER,
    rest: `ROOMSTATE ${CHANNEL}`,
  }));

export const notice: Arbitrary<Draft> = fc
  .tuple(
    fc.option(fc.constantFrom('slow_on', 'emote_only_off', 'msg_banned', 'host_on', 'unrecognized_cmd')),
    text,
  )
  .map(([id, words]) => ({
    ...(id === null ? {} : { tags: { 'msg-id': id } }),
    prefix: SERVER,
    rest: `NOTICE ${CHANNEL} :${words}`,
  }));

export const userState: Arbitrary<Draft> = fc
  .record({ 'badge-info': fc.constant(''), badges, color: fc.constant(''), 'display-name': login, mod: flag })
  .map((tags) => ({ tags, prefix: SERVER, rest: `USERSTATE ${CHANNEL}` }));

export const membership: Arbitrary<Draft> = fc
  .tuple(login, fc.constantFrom('JOIN', 'PART'))
  .map(([nick, command]) => ({
    prefix: `${nick}!${nick}@${nick}.tmi.twitch.tv`,
    rest: `${command} ${CHANNEL}`,
  }));

export const names: Arbitrary<Draft> = fc
  .tuple(login, fc.array(login, { minLength: 1, maxLength: 5 }), fc.boolean())
  .map(([nick, list, end]) => ({
    prefix: `${nick}.tmi.twitch.tv`,
    rest: end ? `366 ${nick} ${CHANNEL} :End of /NAMES list` : `353 ${nick} = ${CHANNEL} :${list.join(' ')}`,
  }));

export const hostTarget: Arbitrary<Draft> = fc
  .tuple(fc.oneof(login, fc.constant('-')), number)
  .map(([target, viewers]) => ({ prefix: SERVER, rest: `HOSTTARGET ${CHANNEL} :${target} ${viewers}` }));

export const unknownCommand: Arbitrary<Draft> = fc
  .tuple(fc.constantFrom('POLL', 'PINNED', '499'), text)
  .map(([command, words]) => ({ prefix: SERVER, rest: `${command} ${CHANNEL} extra :${words}` }));
