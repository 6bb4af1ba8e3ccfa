import { expect, test } from 'vitest';
import type { ChatEvent } from '../event.ts';
import { type Person, redactEvent } from './redact-event.ts';

const names = new Set(['ann', 'änn', '安娜']);
const person: Person = {
  isUser: (key) => key === '7' || (key.startsWith('~') && names.has(key.slice(1))),
  isName: (name) => names.has(name.toLowerCase()),
};

function line(members: Partial<ChatEvent>): ChatEvent {
  return {
    timestamp: '2026-11-21T13:00:00.000Z',
    channel: 'x',
    username: 'bob',
    user_id: '8',
    message: 'hello',
    platform: 'twitch',
    ...members,
  };
}

test.each<[string, Partial<ChatEvent>]>([
  ['said by them', { username: 'ann', user_id: '7' }],
  ['said by them under another name', { username: 'eve', user_id: '7' }],
  ['by their name where the platform gives no id', { username: 'Ann', user_id: '', type: 'join' }],
  [
    'a ban of them',
    { username: '', user_id: '', message: '', type: 'ban', target: 'x', target_user_id: '7' },
  ],
  ['a deletion that names them by login', { username: '', user_id: '', type: 'delete', target: 'ann' }],
  ['an IRC ban of their mask', { type: 'ban', target: 'eve!*@* ann!*@*' }],
  ['taking their name', { type: 'presence', platform_event: 'NICK', target: 'ann' }],
])('is removed: %s', (_, members) => {
  expect(redactEvent(line(members), person)).toBe('remove');
});

test.each<[string, Partial<ChatEvent>]>([
  ['somebody else of their name, who has another id', { username: 'ann', user_id: '9' }],
  ['their name as an ordinary word', { message: 'call ann or mail ann@example.org-anna' }],
  ['a longer name', { message: '@anna @banana hello' }],
  ['a raw line without them', { type: 'raw', raw: ':tmi.twitch.tv 999 :what' }],
  ['a gap', { type: 'gap', username: '', user_id: '', message: '' }],
  [
    'members that are not what they should be',
    {
      ...{ tags: null, moderator: 1, reason: {}, system_message: [], raw: 7 },
      ...{ target: 7, target_user_id: ['7'] },
    } as never,
  ],
  ['tags that are not', { tags: { 'reply-parent-user-id': 7, x: null, y: { z: 1 } } } as never],
])('stays as it is: %s', (_, members) => {
  expect(redactEvent(line(members), person)).toBe('keep');
});

test.each<[string, Partial<ChatEvent>, Partial<ChatEvent>]>([
  ['mentions', { message: 'hi @Ann, @änn and @bob' }, { message: 'hi @***, @*** and @bob' }],
  ['an address at the beginning', { message: 'ann: yes' }, { message: '***: yes' }],
  [
    'a reply, with what it quotes',
    {
      reply_to: 'id',
      tags: {
        color: '#fff',
        'reply-parent-display-name': 'Ann',
        'reply-parent-msg-body': 'secret',
        'reply-parent-user-id': '7',
        'reply-parent-user-login': 'ann',
        'reply-thread-parent-user-id': '7',
        'reply-thread-parent-msg-id': 'first',
        vip: true,
      },
    },
    {
      reply_to: undefined,
      tags: {
        color: '#fff',
        'reply-parent-display-name': '',
        'reply-parent-msg-body': '',
        'reply-parent-user-id': '',
        'reply-parent-user-login': '',
        'reply-thread-parent-user-id': '',
        'reply-thread-parent-msg-id': '',
        vip: true,
      },
    },
  ],
  [
    'a gift that they were given',
    {
      type: 'notice',
      message: '',
      system_message: 'bob gifted a sub to 安娜!',
      tags: { 'msg-param-recipient-id': '7', 'msg-param-recipient-user-name': 'ann', 'room-id': '1' },
    },
    {
      system_message: 'bob gifted a sub to **!',
      tags: { 'msg-param-recipient-id': '', 'msg-param-recipient-user-name': '', 'room-id': '1' },
    },
  ],
  ['a mode', { type: 'room', message: '+o ann' }, { message: '+o ***' }],
  ['the moderator', { type: 'ban', target: 'eve', moderator: 'Ann' }, { moderator: undefined }],
  ['an original that names them', { type: 'raw', raw: 'x ann y', message: '' }, { raw: undefined }],
  [
    'an original of what was blanked',
    { message: '@ann', raw: 'PRIVMSG #x :@ann' },
    { message: '@***', raw: undefined },
  ],
])('is blanked, and nothing else of the line: %s', (_, members, blanked) => {
  const event = line(members);
  const before = structuredClone(event);
  const verdict = redactEvent(event, person) as ChatEvent;
  const { raw_base64: _bytes, ...rest } = verdict;
  expect(rest).toEqual({ ...event, raw: undefined, ...blanked });
  expect(Object.keys(verdict).slice(0, 5)).toEqual([
    'timestamp',
    'channel',
    'username',
    'user_id',
    'message',
  ]);
  expect(event).toEqual(before);
});
