import { expect, it } from 'vitest';
import { brief, imported } from '../../../../test/support/imported.ts';

const AUTHOR = {
  id: '111',
  name: 'ann',
  discriminator: '0000',
  nickname: 'Ann the Great',
  color: '#FF0000',
  isBot: false,
  roles: [{ id: '9', name: 'Mods', color: null, position: 1 }],
  avatarUrl: 'https://cdn.discordapp.com/avatars/111/x.png',
};

const MESSAGE = {
  id: '800000000000000001',
  type: 'Default',
  timestamp: '2021-01-16T12:00:05.123+00:00',
  timestampEdited: null,
  callEndedTimestamp: null,
  isPinned: false,
  content: 'hello <@222> 日本',
  author: AUTHOR,
  attachments: [{ id: '5', url: 'https://cdn.discordapp.com/a.png', fileName: 'a.png', fileSizeBytes: 123 }],
  embeds: [],
  stickers: [],
  reactions: [{ emoji: { id: '', name: '👍', code: 'thumbsup', isAnimated: false, imageUrl: '' }, count: 2 }],
  mentions: [{ id: '222', name: 'bob', discriminator: '0000', nickname: 'Bob', isBot: false }],
  inlineEmojis: [],
};

const EXPORT = {
  guild: { id: '1', name: 'My Server', iconUrl: 'https://cdn.discordapp.com/icons/1/x.png' },
  channel: {
    id: '2',
    type: 'GuildTextChat',
    categoryId: '3',
    category: 'Text',
    name: 'general',
    topic: null,
  },
  dateRange: { after: null, before: null },
  exportedAt: '2023-01-01T00:00:00+00:00',
  messages: [
    MESSAGE,
    {
      ...MESSAGE,
      id: '800000000000000002',
      type: 'Reply',
      timestamp: '2021-01-16T14:00:06+02:00',
      timestampEdited: '2021-01-16T12:05:00+00:00',
      attachments: [],
      reactions: [],
      mentions: [],
      reference: { messageId: '800000000000000001', channelId: '2', guildId: '1' },
    },
    {
      ...MESSAGE,
      id: '800000000000000003',
      type: 'GuildMemberJoin',
      content: 'Joined the server.',
      attachments: [],
    },
    { ...MESSAGE, id: '800000000000000004', timestamp: 'yesterday' },
    'nonsense',
  ],
  messageCount: 5,
};

it('reads an export of a channel', async () => {
  const { format, events, rejects } = await imported(JSON.stringify(EXPORT, null, 2), {
    path: 'general.json',
  });
  expect(format).toBe('discordchatexporter');
  expect(events[0]).toMatchObject({ platform: 'discord', channel: '2' });
  const [first, reply, join] = events.map(brief);
  expect(first).toEqual({
    timestamp: '2021-01-16T12:00:05.123Z',
    username: 'ann',
    user_id: '111',
    message: 'hello <@222> 日本',
    display_name: 'Ann the Great',
    media: [{ url: 'https://cdn.discordapp.com/a.png', type: 'file', size_bytes: 123, title: 'a.png' }],
    tags: {
      'guild-id': '1',
      'guild-name': 'My Server',
      'channel-id': '2',
      'channel-name': 'general',
      category: 'Text',
      'author-discriminator': '0000',
      'author-color': '#FF0000',
      'author-roles': '[{"id":"9","name":"Mods","color":null,"position":1}]',
      'author-avatarUrl': 'https://cdn.discordapp.com/avatars/111/x.png',
      reactions: JSON.stringify(MESSAGE.reactions),
      mentions: JSON.stringify(MESSAGE.mentions),
    },
    id: '800000000000000001',
  });
  expect(reply).toMatchObject({
    timestamp: '2021-01-16T12:00:06.000Z',
    reply_to: '800000000000000001',
    tags: { timestampEdited: '2021-01-16T12:05:00+00:00' },
  });
  expect(join).toMatchObject({
    type: 'join',
    system_message: 'Joined the server.',
    platform_event: 'GuildMemberJoin',
    username: 'ann',
  });
  expect(rejects.map(({ reason }) => reason)).toEqual([
    'its time cannot be told',
    'no message: it is no object',
  ]);
  expect(rejects[0]!.line).toBeGreaterThan(100);
});

it('stores a channel under the name that is stated', async () => {
  const { events } = await imported(JSON.stringify(EXPORT), { channel: 'general' });
  expect(events[0]).toMatchObject({ channel: 'general', tags: { 'channel-id': '2' } });
});
