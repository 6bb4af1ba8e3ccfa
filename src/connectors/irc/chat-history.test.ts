import { describe, expect, it } from 'vitest';
import { ChatHistory, type HistoryAnswer, LINES_MAX } from './chat-history.ts';

const SINCE_MS = Date.parse('2026-11-21T12:00:00.000Z');
const signal = new AbortController().signal;

function setUp({ isLabeled = false, timeoutMs = 60_000 } = {}) {
  const sent: string[] = [];
  const played: [channel: string, lines: string[]][] = [];
  const history = new ChatHistory({
    send: (line) => sent.push(line),
    fold: (name) => name.toLowerCase(),
    isLabeled: () => isLabeled,
    playback: (channel, lines) => played.push([channel, lines]),
    timeoutMs,
  });
  /** Asks, and returns once the request has left. */
  const ask = async (channel = '#a'): Promise<{ answer: Promise<HistoryAnswer> }> => {
    const before = sent.length;
    const answer = history.after({ channel, point: 'timestamp=x', sinceMs: SINCE_MS, limit: 100 }, signal);
    while (sent.length === before) await Promise.resolve();
    return { answer };
  };
  const play = (reference: string, channel: string, lines: string[], tags = '') => {
    history.batch(`${tags}:s BATCH +${reference} chathistory ${channel}`);
    for (const line of lines) expect(history.take(line)).toBe(true);
    history.batch(`:s BATCH -${reference}`);
  };
  return { history, sent, played, ask, play };
}

const said = (batch: string, afterMs: number, text = 'hi') =>
  `@batch=${batch};time=${new Date(SINCE_MS + afterMs).toISOString()};msgid=${text} :ann!a@h PRIVMSG #a :${text}`;

describe('the history of the server', () => {
  it('takes the batch of the channel that it asked about, however that is spelt', async () => {
    const { ask, play, played, sent } = setUp();
    const { answer } = await ask();
    play('x', '#b', [said('x', 10)]);
    play('y', '#A', [said('y', 20)]);
    expect(await answer).toEqual({ outcome: 'lines', lines: [said('y', 20)] });
    expect(played).toEqual([['#b', [said('x', 10)]]]);
    expect(sent).toEqual(['CHATHISTORY AFTER #a timestamp=x 100']);
  });

  it('does not take a playback for its answer that is older than what it asked for', async () => {
    const { ask, play, played } = setUp();
    const { answer } = await ask();
    const old = [said('x', -3_600_000), said('x', 10)];
    play('x', '#a', old);
    play('y', '#a', [said('y', 20)]);
    expect(await answer).toEqual({ outcome: 'lines', lines: [said('y', 20)] });
    expect(played).toEqual([['#a', old]]);
  });

  it('does not take a playback for its answer that began before it asked', async () => {
    const { history, ask, play, played } = setUp();
    history.batch(':s BATCH +x chathistory #a');
    const { answer } = await ask();
    history.take(said('x', 10));
    history.batch(':s BATCH -x');
    play('y', '#a', []);
    expect(await answer).toEqual({ outcome: 'lines', lines: [] });
    expect(played).toEqual([['#a', [said('x', 10)]]]);
  });

  it('loses nothing of a second batch in the same read', async () => {
    const { ask, play, played } = setUp();
    const { answer } = await ask();
    play('x', '#a', [said('x', 10)]);
    play('y', '#a', [said('y', 20)]);
    expect(await answer).toMatchObject({ lines: [said('x', 10)] });
    expect(played).toEqual([['#a', [said('y', 20)]]]);
  });

  it('goes by the label where there are labels', async () => {
    const { ask, play, played, sent } = setUp({ isLabeled: true });
    const { answer } = await ask();
    const label = /^@label=(\S+) CHATHISTORY/.exec(sent[0]!)![1];
    play('x', '#a', [said('x', 10)]);
    play('y', '#a', [said('y', 20)], `@label=${label} `);
    expect(await answer).toEqual({ outcome: 'lines', lines: [said('y', 20)] });
    expect(played).toEqual([['#a', [said('x', 10)]]]);
  });

  it('finds its answer inside of a labelled batch, and an empty answer in whatever form', async () => {
    const { history, ask, play, sent } = setUp({ isLabeled: true });
    const label = () => /^@label=(\S+)/.exec(sent.at(-1)!)![1];
    const inside = await ask();
    history.batch(`@label=${label()} :s BATCH +outer labeled-response`);
    play('y', '#a', [said('y', 20)], '@batch=outer ');
    history.batch(':s BATCH -outer');
    expect(await inside.answer).toMatchObject({ lines: [said('y', 20)] });
    const empty = await ask();
    history.batch(`@label=${label()} :s BATCH +outer labeled-response`);
    history.batch(':s BATCH -outer');
    expect(await empty.answer).toEqual({ outcome: 'lines', lines: [] });
    const acknowledged = await ask();
    history.acknowledged(`@label=${label()} :s ACK`);
    expect(await acknowledged.answer).toEqual({ outcome: 'lines', lines: [] });
  });

  it('says when the server has no history, or none for us', async () => {
    const { history, ask } = setUp({ timeoutMs: 10 });
    const refused = await ask();
    history.failed(['CHATHISTORY', 'INVALID_TARGET', 'AFTER', '#a', 'No']);
    expect(await refused.answer).toEqual({ outcome: 'unavailable', reason: 'INVALID_TARGET AFTER #a No' });
    const silent = await ask();
    expect(await silent.answer).toMatchObject({ outcome: 'failed' });
  });

  it('holds a bounded number of lines in all open batches together, and loses none', () => {
    const { history, played } = setUp();
    const total = 3 * LINES_MAX;
    let mostHeld = 0;
    const playedLines = () => played.reduce((sum, [, lines]) => sum + lines.length, 0);
    for (let n = 0; n < 10; n++) history.batch(`:s BATCH +b${n} chathistory #c${n}`);
    for (let n = 0; n < total; n++) {
      expect(history.take(said(`b${n % 10}`, n, String(n)))).toBe(true);
      if (n % 1000 === 0) mostHeld = Math.max(mostHeld, n + 1 - playedLines());
    }
    expect(mostHeld).toBeLessThanOrEqual(LINES_MAX);
    for (let n = 0; n < 10; n++) history.batch(`:s BATCH -b${n}`);
    expect(new Set(played.flatMap(([, lines]) => lines)).size).toBe(total);
    expect(playedLines()).toBe(total);
  });

  it('holds a bounded number of characters', () => {
    const { history, played } = setUp();
    history.batch(':s BATCH +b chathistory #a');
    const long = `@batch=b :ann!a@h PRIVMSG #a :${'x'.repeat(60_000)}`;
    for (let n = 0; n < 200; n++) history.take(long);
    expect(played.flatMap(([, lines]) => lines).length).toBeGreaterThan(100);
  });

  it('takes the oldest of very many open batches for ended', () => {
    const { history, played } = setUp();
    for (let n = 0; n < 101; n++) {
      history.batch(`:s BATCH +b${n} chathistory #c${n}`);
      history.take(said(`b${n}`, n));
    }
    expect(played).toEqual([['#c0', [said('b0', 0)]]]);
    expect(history.take(said('b100', 1))).toBe(true);
  });
});
