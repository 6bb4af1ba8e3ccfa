import { describe, expect, it } from 'vitest';
import type { CapturedEvent } from '../event.ts';
import { EventChannel, heldBytes } from './event-channel.ts';
import { RecentIdentities } from './recent-identities.ts';

const never = new AbortController().signal;

function captured(identity: string, message = 'hi'): CapturedEvent {
  const event = {
    timestamp: '2026-11-21T13:00:00.000Z',
    channel: 'x',
    username: 'a',
    user_id: '1',
    message,
    platform: 'twitch',
  };
  return { event, timeMs: 0, identity, unsampled: false };
}

function channelOf(events: number, bytes = 1e9): EventChannel {
  return new EventChannel({ events, bytes }, new RecentIdentities(1000));
}

async function isPending(promise: Promise<void>): Promise<boolean> {
  return Promise.race([
    promise.then(() => false),
    new Promise<boolean>((resolve) => setImmediate(() => resolve(true))),
  ]);
}

describe('EventChannel', () => {
  it('hands events out in the order in which they came, numbered', () => {
    const channel = channelOf(10);
    const sink = channel.sink('twitch');
    sink.push(captured('1', 'a'));
    sink.push(captured('2', 'b'));
    const first = channel.take();
    expect(first.events.map(({ event }) => event.message)).toEqual(['a', 'b']);
    sink.push(captured('3', 'c'));
    expect(channel.take()).toMatchObject({ firstSequence: first.firstSequence + 2 });
  });

  it('takes one event of each identity and platform', () => {
    const channel = channelOf(10);
    expect(channel.sink('twitch').push(captured('1'))).toBe(true);
    expect(channel.sink('twitch').push(captured('1'))).toBe(false);
    expect(channel.sink('kick').push(captured('1'))).toBe(true);
    expect(channel.sink('twitch').push(captured(''))).toBe(true);
    expect(channel.sink('twitch').push(captured(''))).toBe(true);
    expect(channel.duplicates).toBe(1);
  });

  it('knows what an earlier run recorded', () => {
    const channel = channelOf(10);
    channel.remember('twitch', '1');
    expect(channel.sink('twitch').push(captured('1'))).toBe(false);
    expect(channel.sink('twitch').push(captured('2'))).toBe(true);
  });

  it('is full until events are recorded, not only until they are taken', async () => {
    const channel = channelOf(2);
    const sink = channel.sink('twitch');
    sink.push(captured('1'));
    expect(sink.full).toBe(false);
    sink.push(captured('2'));
    expect(sink.full).toBe(true);
    const drained = sink.drained(never);
    const { events } = channel.take();
    expect(await isPending(drained)).toBe(true);
    channel.release(1, heldBytes(events[0]!));
    await drained;
    expect(sink.full).toBe(false);
  });

  it('is full by bytes as well', () => {
    const channel = channelOf(1000, 2000);
    const sink = channel.sink('twitch');
    sink.push(captured('1', 'x'.repeat(3000)));
    expect(sink.full).toBe(true);
  });

  it('counts what came over the wire, not only the text', () => {
    const channel = channelOf(1000, 2000);
    channel.sink('twitch').push({ ...captured('1'), wireChars: 3000 });
    expect(channel.full).toBe(true);
  });

  it('tells when everything pushed before is recorded', async () => {
    const channel = channelOf(10);
    const sink = channel.sink('twitch');
    await sink.recorded(never);
    sink.push(captured('1'));
    sink.push(captured('2'));
    const recorded = sink.recorded(never);
    const { firstSequence } = channel.take();
    channel.recordedThrough(firstSequence);
    expect(await isPending(recorded)).toBe(true);
    channel.recordedThrough(firstSequence + 1);
    await recorded;
  });

  it('lets waiters go on abort', async () => {
    const channel = channelOf(1);
    const sink = channel.sink('twitch');
    sink.push(captured('1'));
    const abort = new AbortController();
    const drained = sink.drained(abort.signal);
    const recorded = sink.recorded(abort.signal);
    abort.abort(new Error('stop'));
    await expect(drained).rejects.toThrow('stop');
    await expect(recorded).rejects.toThrow('stop');
    await expect(sink.drained(abort.signal)).rejects.toThrow('stop');
  });
});
