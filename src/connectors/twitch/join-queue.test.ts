import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { JoinQueue, joinLines } from './join-queue.ts';

afterEach(() => {
  vi.useRealTimers();
});

function queue(budget: number, windowMs = 1000) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const lines: { line: string; on: string; atMs: number }[] = [];
  const sent: { channel: string; atMs: number }[] = [];
  const target = (id: string) => ({
    id,
    send: (line: string) => void lines.push({ line, on: id, atMs: performance.now() }),
  });
  const subject = new JoinQueue({
    budget,
    windowMs,
    sent: (channel) => sent.push({ channel, atMs: performance.now() }),
  });
  return { subject, lines, sent, target };
}

describe('the queue of JOINs', () => {
  it('never exceeds its budget in any window, counted per channel', async () => {
    const { subject, sent, target } = queue(20);
    for (let n = 0; n < 95; n++) subject.add(`c${n}`, target(String(n % 3)));
    await vi.advanceTimersByTimeAsync(5000);
    expect(sent).toHaveLength(95);
    for (const { atMs } of sent) {
      expect(sent.filter((each) => each.atMs >= atMs && each.atMs < atMs + 1000).length).toBeLessThanOrEqual(
        20,
      );
    }
    expect(sent.at(-1)!.atMs - sent[0]!.atMs).toBeGreaterThanOrEqual(4000);
  });

  it('sends what may go at once together, per connection', async () => {
    const { subject, lines, target } = queue(20);
    const [one, two] = [target('1'), target('2')];
    subject.add('a', one);
    subject.add('b', two);
    subject.add('c', one);
    await vi.advanceTimersByTimeAsync(1);
    expect(lines.map(({ line, on }) => `${on} ${line}`)).toEqual(['1 JOIN #a,#c', '2 JOIN #b']);
  });

  it('forgets channels and connections that are gone', async () => {
    const { subject, lines, target } = queue(20);
    const [one, two] = [target('1'), target('2')];
    subject.add('a', one);
    subject.add('b', two);
    subject.add('c', two);
    subject.remove('c');
    subject.removeTarget('1');
    await vi.advanceTimersByTimeAsync(1);
    expect(lines.map(({ line }) => line)).toEqual(['JOIN #b']);
  });

  it('makes lines of at most 500 bytes that name every channel once', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z0-9_]{1,25}$/), { maxLength: 200 }), (channels) => {
        const lines = joinLines(channels);
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(500);
        expect(lines.flatMap((line) => line.slice('JOIN '.length).split(','))).toEqual(
          channels.map((name) => `#${name}`),
        );
      }),
    );
  });
});
