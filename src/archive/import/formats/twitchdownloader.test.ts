import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { brief, imported } from '../../../../test/support/imported.ts';

const COMMENT = {
  _id: '0c2d4bb2-3a0e-4b8c-9d53-3a4bb4b4ad01',
  created_at: '2022-01-02T03:04:05.678Z',
  updated_at: '2022-01-02T03:04:05.678Z',
  channel_id: '71092938',
  content_type: 'video',
  content_id: '1251000000',
  content_offset_seconds: 12.5,
  commenter: {
    display_name: 'Ann',
    _id: '123',
    name: 'ann',
    type: 'user',
    bio: 'about me',
    created_at: '2017-01-01T00:00:00Z',
    updated_at: '2022-01-01T00:00:00Z',
    logo: 'https://static-cdn.jtvnw.net/x.png',
  },
  source: 'chat',
  state: 'published',
  message: {
    body: '👍 Kappa and Kappa',
    bits_spent: 100,
    fragments: [
      { text: '👍 ', emoticon: null },
      { text: 'Kappa', emoticon: { emoticon_id: '25', emoticon_set_id: '' } },
      { text: ' and ', emoticon: null },
      { text: 'Kappa', emoticon: { emoticon_id: '25', emoticon_set_id: '' } },
    ],
    is_action: false,
    user_badges: [
      { _id: 'subscriber', version: '12' },
      { _id: 'premium', version: '1' },
    ],
    user_color: '#FF0000',
    user_notice_params: { msg_id: 'highlighted-message' },
    emoticons: [{ _id: '25', begin: 3, end: 8 }],
  },
  more_replies: false,
};

const CHAT = {
  FileInfo: { Version: { Major: 1, Minor: 3, Patch: 1 }, CreatedAt: '2022-01-03T00:00:00Z' },
  streamer: { name: 'xQc', id: 71092938 },
  video: { title: 'a "title" with [brackets], {braces} and \\', id: '1251000000', start: 0, end: 100 },
  comments: [
    COMMENT,
    {
      ...COMMENT,
      _id: '0c2d4bb2-3a0e-4b8c-9d53-3a4bb4b4ad02',
      created_at: '2022-01-02T03:04:06Z',
      commenter: { display_name: '日本', _id: '124', name: 'bob' },
      message: { body: 'waves', is_action: true, fragments: [], user_badges: [], user_color: null },
    },
    { _id: 'x', message: {} },
  ],
  embeddedData: { thirdParty: [{ id: '1', data: 'A'.repeat(3_000_000), name: 'x' }] },
};

const EVENTS = [
  {
    timestamp: '2022-01-02T03:04:05.678Z',
    username: 'ann',
    user_id: '123',
    message: '👍 Kappa and Kappa',
    emotes: [
      {
        id: '25',
        ranges: [
          [2, 6],
          [12, 16],
        ],
      },
    ],
    display_name: 'Ann',
    badges: ['subscriber/12', 'premium/1'],
    tags: {
      bits: '100',
      color: '#FF0000',
      'msg-id': 'highlighted-message',
      'room-id': '71092938',
      'video-id': '1251000000',
      'video-offset-seconds': '12.5',
    },
    id: '0c2d4bb2-3a0e-4b8c-9d53-3a4bb4b4ad01',
  },
  {
    timestamp: '2022-01-02T03:04:06.000Z',
    username: 'bob',
    user_id: '124',
    message: 'waves',
    action: true,
    display_name: '日本',
    tags: { 'room-id': '71092938', 'video-id': '1251000000', 'video-offset-seconds': '12.5' },
    id: '0c2d4bb2-3a0e-4b8c-9d53-3a4bb4b4ad02',
  },
];

it.each([
  ['on one line', JSON.stringify(CHAT)],
  ['indented', JSON.stringify(CHAT, null, 2)],
  ['compressed', gzipSync(JSON.stringify(CHAT))],
])('reads the chat of a VOD, %s', async (_, content) => {
  const { format, events, rejects } = await imported(content, { path: 'vod.json' });
  expect(format).toBe('twitchdownloader');
  expect(events[0]).toMatchObject({ platform: 'twitch', channel: 'xqc', source: 'import' });
  expect(events.map(brief)).toEqual(EVENTS);
  expect(rejects).toMatchObject([
    { reason: 'its time cannot be told', text: expect.stringContaining('"_id"') },
  ]);
});

it('gives what there is of a file that ends in the middle, and says so', async () => {
  const { comments, ...rest } = CHAT;
  const text = JSON.stringify({ ...rest, embeddedData: undefined, comments });
  const cut = text.slice(0, text.indexOf('ad02') + 10);
  const { events, rejects } = await imported(cut, { path: 'vod.json' });
  expect(events).toHaveLength(1);
  expect(rejects).toMatchObject([{ reason: 'the file ends in the middle' }]);
});

it('reads files whose members stand in another order where the channel is stated', async () => {
  const { streamer, ...rest } = CHAT;
  const text = JSON.stringify({ ...rest, streamer });
  expect((await imported(text)).rejects).toHaveLength(3);
  const { events } = await imported(text, { channel: 'XQC' });
  expect(events.map(({ channel }) => channel)).toEqual(['xqc', 'xqc']);
});
