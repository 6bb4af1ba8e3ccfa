import { describe, expect, it } from 'vitest';
import { RecentMessagesClient, type RecentMessagesOptions } from './recent-messages.ts';

const URL_BASE = 'http://127.0.0.1/api/v2/recent-messages';

function client(
  answer: (url: URL, call: number) => Response | Promise<Response>,
  options: Partial<RecentMessagesOptions> = {},
) {
  const urls: URL[] = [];
  const fetchFake: typeof fetch = async (input) => {
    urls.push(new URL(String(input)));
    return answer(urls.at(-1)!, urls.length);
  };
  const subject = new RecentMessagesClient({
    url: URL_BASE,
    fetch: fetchFake,
    spacingMs: 0,
    retryMinMs: 1,
    retryMaxMs: 2,
    ...options,
  });
  return { subject, urls };
}

const signal = new AbortController().signal;
const ok = (messages: unknown) => Response.json({ messages, error: null, error_code: null });

describe('the client of the recent-messages service', () => {
  it('asks for as much as there is since a time', async () => {
    const { subject, urls } = client(() => ok(['a', 'b']));
    expect(await subject.since('ann', 1_700_000_000_123.9, signal)).toEqual({
      outcome: 'lines',
      lines: ['a', 'b'],
    });
    expect(urls[0]!.href).toBe(`${URL_BASE}/ann?limit=800&after=1700000000123`);
  });

  it('knows a channel that the service has not joined', async () => {
    const { subject, urls } = client(() =>
      Response.json({ messages: [], error: 'The bot is not in it', error_code: 'channel_not_joined' }),
    );
    expect(await subject.since('ann', 0, signal)).toMatchObject({ outcome: 'unavailable' });
    expect(urls).toHaveLength(1);
  });

  it('takes what the service still has of a channel that it has left, with a doubt', async () => {
    const { subject } = client(() =>
      Response.json({ messages: ['a'], error: 'not in it', error_code: 'channel_not_joined' }),
    );
    expect(await subject.since('ann', 0, signal)).toEqual({
      outcome: 'lines',
      lines: ['a'],
      doubt: 'channel_not_joined: not in it',
    });
  });

  it('knows a channel that does not want to be remembered', async () => {
    const { subject, urls } = client(() =>
      Response.json({ error: 'ignored', error_code: 'channel_ignored' }, { status: 403 }),
    );
    expect(await subject.since('ann', 0, signal)).toMatchObject({ outcome: 'unavailable' });
    expect(urls).toHaveLength(1);
  });

  it.each([
    ['an error of the server', () => new Response('oops', { status: 500 })],
    ['nonsense', () => new Response('<html>', { status: 200 })],
    ['JSON of another kind', () => Response.json([1])],
    ['a broken network', () => Promise.reject(new Error('ECONNREFUSED'))],
    ['an endless answer', () => new Response('x'.repeat(9 * 1024 * 1024))],
  ])('tries a few times again after %s, then gives up', async (_, answer) => {
    const { subject, urls } = client(answer);
    expect(await subject.since('ann', 0, signal)).toMatchObject({ outcome: 'failed' });
    expect(urls).toHaveLength(5);
    const { subject: recovering } = client((url, call) => (call < 3 ? answer() : ok([url.pathname])));
    expect(await recovering.since('ann', 0, signal)).toMatchObject({ outcome: 'lines' });
  });

  it('waits as long as it is told to', async () => {
    const startedMs = performance.now();
    const { subject } = client((_, call) =>
      call === 1 ? new Response('', { status: 429, headers: { 'retry-after': '0.2' } }) : ok([]),
    );
    expect(await subject.since('ann', 0, signal)).toEqual({ outcome: 'lines', lines: [] });
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(190);
  });

  it('asks for two channels at a time, and not faster than it may', async () => {
    let running = 0;
    let most = 0;
    const starts: number[] = [];
    const { subject } = client(
      async () => {
        starts.push(performance.now());
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 30));
        running--;
        return ok([]);
      },
      { spacingMs: 10 },
    );
    await Promise.all(Array.from({ length: 8 }, (_, n) => subject.since(`c${n}`, 0, signal)));
    expect(most).toBe(2);
    expect(starts.at(-1)! - starts[0]!).toBeGreaterThanOrEqual(65);
  });

  it('gives up a request that takes too long', async () => {
    const subject = new RecentMessagesClient({
      url: URL_BASE,
      attempts: 1,
      requestTimeoutMs: 20,
      fetch: (_, init) =>
        new Promise((_resolve, reject) =>
          init!.signal!.addEventListener('abort', () => reject(init!.signal!.reason)),
        ),
    });
    expect(await subject.since('ann', 0, signal)).toMatchObject({ outcome: 'failed' });
  });

  it('stops at once on abort, while waiting for its turn too', async () => {
    const controller = new AbortController();
    const { subject } = client(
      (_url) =>
        new Promise((_resolve, reject) =>
          controller.signal.addEventListener('abort', () => reject(new Error('x'))),
        ),
    );
    const all = Promise.allSettled(
      ['a', 'b', 'c', 'd'].map((name) => subject.since(name, 0, controller.signal)),
    );
    controller.abort(new Error('stopped'));
    expect((await all).map(({ status }) => status)).toEqual(Array(4).fill('rejected'));
  });
});
