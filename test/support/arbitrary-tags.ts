/** What generated Twitch lines are made of: texts, names, and the groups of tags that belong together. */
import fc, { type Arbitrary } from 'fast-check';

/** A message's text: any script, emoji, controls, odd spaces; at least one character. */
export const text: Arbitrary<string> = fc.oneof(
  fc
    .array(
      fc.oneof(
        {
          weight: 6,
          arbitrary: fc.constantFrom(
            'PogChamp',
            'Kappa',
            'lol',
            'gachiBASS',
            '@someone',
            '5',
            '!roll',
            '1:0',
          ),
        },
        {
          weight: 3,
          arbitrary: fc.constantFrom(
            '👨‍👩‍👧‍👦',
            '🇩🇪',
            '🏳️‍🌈',
            'é',
            'é',
            'z̷̢̛a̵l̶g̸o',
            'مرحبا',
            'שלום',
            '日本語',
            '한국어',
            '\u{e0000}',
            '\u200d',
            '\u202eabc',
            '\ufeff',
            '𝒻𝒶𝓃𝒸𝓎',
            '\u0007',
            '\u001f',
            '\u2028',
            '\\s\\:\\',
            '"quoted"',
            '<b>&amp;',
            ':)',
          ),
        },
        { weight: 1, arbitrary: anyText(1, 30) },
      ),
      { minLength: 1, maxLength: 30 },
    )
    .chain((words) => fc.constantFrom(' ', '  ', '').map((space) => words.join(space))),
  anyText(1, 60),
  fc.constantFrom(
    ' ',
    ':',
    '::',
    ' leading',
    'trailing ',
    '\u{e0000}',
    ': colon first',
    '\x01',
    '\x01ACTION',
    '0',
  ),
);

function anyText(minLength: number, maxLength: number): Arbitrary<string> {
  return fc.string({ unit: 'binary', minLength, maxLength }).map((raw) => raw.replace(/[\0\r\n]/g, '\u2603'));
}

export const login = fc.stringMatching(/^[a-z0-9][a-z0-9_]{2,24}$/);
export const channelName = fc.oneof(fc.constant('xqcow'), login);
export const number = fc.nat().map(String);
export const flag = fc.constantFrom('0', '1');
export const uuid = fc.uuid();
export const sentAt = fc.integer({ min: 1_500_000_000_000, max: 1_900_000_000_000 }).map(String);

function escapeTag(raw: string): string {
  const escapes: Record<string, string> = { ';': '\\:', ' ': '\\s', '\\': '\\\\', '\r': '\\r', '\n': '\\n' };
  return raw.replace(/[; \\\r\n]/g, (character) => escapes[character]!);
}

/** A tag's value as it stands in a line: mostly well escaped, now and then not. */
export const tagValue = fc.oneof(
  { weight: 8, arbitrary: fc.oneof(text, fc.constant('a\r\nb')).map(escapeTag) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', '\\', 'a\\', 'a\\b', '\\x\\', 'a=b', '=', 'Tier\\s1\\!', ':', '@,/'),
  },
);

export const badges = fc
  .array(
    fc.constantFrom(
      'subscriber/12',
      'moderator/1',
      'broadcaster/1',
      'vip/1',
      'premium/1',
      'bits/1000',
      'sub-gifter/5',
      'predictions/blue-1',
      'predictions/KEENU\\sWINS\\,\\sYES',
      'no_audio/1',
      'twitch-recap-2025/1',
    ),
    { maxLength: 4 },
  )
  .map((list) => list.join(','));

const ranges = fc
  .array(fc.tuple(fc.nat(400), fc.nat(20)), { minLength: 1, maxLength: 4 })
  .map((list) => list.map(([start, length]) => `${start}-${start + length}`).join(','));

const emotes = fc
  .array(
    fc.tuple(fc.oneof(number, fc.constantFrom('emotesv2_e02650251d204198923de93a0c62f5f5', '25_HF')), ranges),
    {
      maxLength: 3,
    },
  )
  .map((list) => list.map(([id, where]) => `${id}:${where}`).join('/'));

/** What every message of a user carries. */
export const userTags = fc.record({
  'badge-info': fc.constantFrom('', 'subscriber/5', 'founder/12', 'predictions/Yes\\,\\sof\\scourse'),
  badges,
  color: fc.constantFrom('', '#FF0000', '#1E90FF', '#00ff7f'),
  'display-name': fc.oneof(login, fc.constantFrom('', '日本太郎', 'Name\\s', 'CamelCase')),
  emotes,
  flags: fc.constantFrom('', '0-4:S.5', '0-3:A.3/I.6,10-14:P.6'),
  id: uuid,
  mod: flag,
  'room-id': number,
  subscriber: flag,
  'tmi-sent-ts': sentAt,
  turbo: flag,
  'user-id': number,
  'user-type': fc.constantFrom('', 'mod', 'global_mod', 'admin', 'staff'),
});

export const sharedChat = optionally({
  'source-badge-info': fc.constantFrom('', 'subscriber/3'),
  'source-badges': badges,
  'source-id': uuid,
  'source-room-id': number,
  'source-only': flag,
});

export const reply = optionally({
  'reply-parent-display-name': tagValue,
  'reply-parent-msg-body': tagValue,
  'reply-parent-msg-id': uuid,
  'reply-parent-user-id': number,
  'reply-parent-user-login': login,
  'reply-thread-parent-display-name': tagValue,
  'reply-thread-parent-msg-id': uuid,
  'reply-thread-parent-user-id': number,
  'reply-thread-parent-user-login': login,
});

export const messageExtras = fc.record(
  {
    bits: number,
    'client-nonce': fc.stringMatching(/^[0-9a-f]{32}$/),
    'custom-reward-id': uuid,
    'emote-only': fc.constant('1'),
    'first-msg': flag,
    'msg-id': fc.constantFrom('highlighted-message', 'skip-subs-mode-message', 'gigantified-emote-message'),
    'pinned-chat-paid-amount': number,
    'pinned-chat-paid-currency': fc.constantFrom('USD', 'EUR'),
    'returning-chatter': flag,
    vip: fc.constantFrom('1', '0', ''),
  },
  { requiredKeys: [] },
);

/** All of these tags on one line in five, none on the others. */
function optionally<T extends Record<string, string>>(
  tags: { [K in keyof T]: Arbitrary<T[K]> },
): Arbitrary<Partial<T>> {
  return fc.option(fc.record(tags) as Arbitrary<T>, { freq: 4, nil: {} as Partial<T> });
}
