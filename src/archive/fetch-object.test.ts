import { describe, expect, it } from 'vitest';
import { collect, sampleLines, sha256 } from '../../test/support/segments.ts';
import { ChatlogError } from '../lib/errors.ts';
import type { OpenedObject, SegmentDescription } from '../storage/object-store.ts';
import { fetchObject, streamObject } from './fetch-object.ts';

const signal = new AbortController().signal;
const BYTES = sampleLines(200);
const description = { objectSha256: sha256(BYTES), objectBytes: BYTES.length } as SegmentDescription;
const CUT = new ChatlogError('unreachable', 'reset', { retryable: true });

/** Gives these bytes one after another, the last of them ever again; where they end in an error, the stream breaks there. */
function store(...reads: (Buffer | { bytes: Buffer; breaks: Error } | Error)[]) {
  const opened = { count: 0 };
  const open = async (): Promise<OpenedObject> => {
    const read = reads[Math.min(opened.count++, reads.length - 1)]!;
    if (read instanceof Error) throw read;
    const { bytes, breaks } = Buffer.isBuffer(read) ? { bytes: read, breaks: undefined } : read;
    return {
      ...{ bytes: BYTES.length, description },
      body: (async function* () {
        for (let at = 0; at < bytes.length; at += 1_000) yield bytes.subarray(at, at + 1_000);
        if (breaks) throw breaks;
      })(),
    };
  };
  return { open, opened };
}

const flipped = (at: number) => {
  const bytes = Buffer.from(BYTES);
  bytes[at]! ^= 1;
  return bytes;
};

describe('an object', () => {
  it('is fetched again where the connection broke, or other bytes came', async () => {
    const broken = { bytes: BYTES.subarray(0, 5_000), breaks: CUT };
    const it = store(broken, BYTES.subarray(0, 100), flipped(7), flipped(9), BYTES);
    const fetched = await fetchObject(it, 'key', signal);
    expect(fetched.isIntact).toBe(true);
    expect(Buffer.from(fetched.bytes).equals(BYTES)).toBe(true);
    expect(it.opened.count).toBe(5);
  });

  it('is damaged where the same wrong bytes come again and again', async () => {
    const it = store(flipped(3));
    expect(await fetchObject(it, 'key', signal)).toMatchObject({ isIntact: false });
    expect(it.opened.count).toBe(3);
  });

  it('that went away is not asked for twice', async () => {
    const it = store(new ChatlogError('object_missing', 'gone'));
    await expect(fetchObject(it, 'key', signal)).rejects.toMatchObject({ code: 'object_missing' });
    expect(it.opened.count).toBe(1);
  });

  it('goes on in its middle where a stream of it broke', async () => {
    const broken = (bytes: number) => ({ bytes: BYTES.subarray(0, bytes), breaks: CUT });
    const it = store(broken(3_000), CUT, broken(2_000), broken(9_500), BYTES);
    const streamed = streamObject(it, 'key', signal);
    expect((await collect(streamed.chunks())).equals(BYTES)).toBe(true);
    expect(streamed.isIntact).toBe(true);
    const damaged = streamObject(store(flipped(5_000)), 'key', signal);
    await collect(damaged.chunks());
    expect(damaged.isIntact).toBe(false);
  });
});
