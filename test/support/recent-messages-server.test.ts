import { describe, expect, test } from 'vitest';
import { ChannelHistory } from './channel-history.ts';
import { corpusLines } from './corpus.ts';
import { type RecentMessagesOptions, startRecentMessagesServer } from './recent-messages-server.ts';

const ROOM = 'room-id=7;tmi-sent-ts=1000';
const HELLO = `@badges=;${ROOM};id=m1;user-id=5 :bob!bob@bob.tmi.twitch.tv PRIVMSG #pond :hello there`;
const WORD = `@${ROOM};id=m2;system-msg=a\\sb\\:c\\x;user-id=6 :eve!eve@eve.tmi.twitch.tv PRIVMSG #pond :hello`;
const TIMEOUT = `@ban-duration=5;${ROOM};target-user-id=5 :tmi.twitch.tv CLEARCHAT #pond :bob`;

function serve(lines: readonly string[], options: Partial<RecentMessagesOptions> = {}) {
  const history = new ChannelHistory(10_000);
  for (const [index, line] of lines.entries()) history.add('pond', line, 2_000 + index);
  return startRecentMessagesServer({ history, shuffleTags: false, ...options });
}

interface Answer {
  messages: string[];
  error: string | null;
  error_code: string | null;
}

async function ask(url: string): Promise<Answer> {
  return (await (await fetch(url)).json()) as Answer;
}

describe('the service', () => {
  test('gives the lines marked as historical, with the time of their arrival', async () => {
    await using service = await serve([HELLO]);
    expect(await ask(`${service.url}/pond`)).toEqual({
      messages: [HELLO.replace(' :bob', ';historical=1;rm-received-ts=2000 :bob')],
      error: null,
      error_code: null,
    });
    expect(service.requests).toEqual(['/api/v2/recent-messages/pond']);
  });

  test('rewrites lines: a single word without colon, unknown escapes without backslash', async () => {
    await using service = await serve([WORD]);
    const [line] = (await ask(`${service.url}/pond`)).messages;
    expect(line).toContain('system-msg=a\\sb\\:cx;');
    expect(line?.endsWith(' PRIVMSG #pond hello')).toBe(true);
  });

  test('marks what was moderated', async () => {
    await using service = await serve([HELLO, WORD, TIMEOUT]);
    const { messages } = await ask(`${service.url}/pond`);
    expect(messages.map((line) => line.includes('rm-deleted=1'))).toEqual([true, false, false]);
  });

  test('shuffles tags and keeps all of them', async () => {
    await using service = await serve(corpusLines(), { shuffleTags: true });
    const { messages } = await ask(`${service.url}/pond`);
    expect(messages).toHaveLength(800);
    const tagsOf = (line: string) => line.slice(1).split(' ')[0]!.split(';');
    for (const [index, original] of corpusLines().slice(-800).entries()) {
      expect(tagsOf(messages[index]!)).toEqual(expect.arrayContaining(tagsOf(original)));
      expect(tagsOf(messages[index]!)).not.toEqual(tagsOf(original));
    }
  });

  test('keeps to limit, after and before, and gives the newest', async () => {
    await using service = await serve([HELLO, WORD, TIMEOUT]);
    const times = async (query: string) =>
      (await ask(`${service.url}/pond?${query}`)).messages.map(
        (line) => /rm-received-ts=(\d+)/.exec(line)![1],
      );
    expect(await times('limit=2')).toEqual(['2001', '2002']);
    expect(await times('after=2000')).toEqual(['2001', '2002']);
    expect(await times('before=2002&limit=1')).toEqual(['2001']);
    expect(await times('limit=0')).toEqual([]);
  });

  test('answers with its error codes', async () => {
    await using service = await serve([HELLO]);
    service.notJoined.add('pond');
    service.ignored.add('lake');
    expect(await ask(`${service.url}/pond`)).toMatchObject({ error_code: 'channel_not_joined' });
    expect(await ask(`${service.url}/lake`)).toMatchObject({ status: 403, error_code: 'channel_ignored' });
    expect(await ask(`${service.url}/a%20b`)).toMatchObject({ error_code: 'invalid_channel_login' });
    expect(await ask(`${service.url}/pond?limit=x`)).toMatchObject({ error_code: 'invalid_query' });
    expect(await ask(service.url)).toMatchObject({ status: 404, error_code: 'not_found' });
  });
});

describe('its faults', () => {
  test.each([
    ['error', 500],
    ['bad-gateway', 502],
    ['rate-limit', 429],
  ] as const)('%s is status %i, as often as asked for', async (kind, status) => {
    await using service = await serve([HELLO]);
    Object.assign(service.faults, { kind, times: 1 });
    expect((await fetch(`${service.url}/pond`)).status).toBe(status);
    expect((await fetch(`${service.url}/pond`)).status).toBe(200);
  });

  test.each(['garbage', 'cut'] as const)('%s cannot be read as JSON', async (kind) => {
    await using service = await serve([HELLO]);
    Object.assign(service.faults, { kind, times: 1 });
    await expect(ask(`${service.url}/pond`)).rejects.toThrow();
  });

  test('wrong-shape is JSON, but no list of lines', async () => {
    await using service = await serve([HELLO]);
    Object.assign(service.faults, { kind: 'wrong-shape', times: 1 });
    expect(Array.isArray((await ask(`${service.url}/pond`)).messages)).toBe(false);
  });

  test('hang answers nothing, and does not keep the server from closing', async () => {
    const service = await serve([HELLO]);
    Object.assign(service.faults, { kind: 'hang', times: 1 });
    await expect(fetch(`${service.url}/pond`, { signal: AbortSignal.timeout(100) })).rejects.toThrow(
      /timeout/,
    );
    await service.close();
  });
});
