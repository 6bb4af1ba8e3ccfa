import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SegmentDescription } from './object-store.ts';
import { fromMetadata, toMetadata } from './segment-metadata.ts';

const digest = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('hex'));
const timestamp = fc.oneof(
  fc.constant(''),
  fc
    .date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-12-31') })
    .map((date) => date.toISOString()),
);
const descriptions: fc.Arbitrary<SegmentDescription> = fc.record({
  linesSha256: digest,
  objectSha256: digest,
  objectBytes: fc.nat(),
  linesBytes: fc.nat(),
  lines: fc.nat(),
  firstTimestamp: timestamp,
  lastTimestamp: timestamp,
  formatVersion: fc.nat(100),
  instance: fc.stringMatching(/^[a-z0-9-]{0,32}$/),
});

test('a description survives being metadata, and takes less than 1 KB', () => {
  fc.assert(
    fc.property(descriptions, (description) => {
      const metadata = toMetadata(description);
      expect(fromMetadata(metadata)).toEqual(description);
      for (const [key, value] of Object.entries(metadata)) {
        expect(key).toMatch(/^[a-z0-9-]+$/);
        expect(value).toMatch(/^[\x21-\x7e]+$/);
      }
      expect(JSON.stringify(metadata).length).toBeLessThan(1024);
    }),
  );
});

test('a server that changes the case of the keys is understood', () => {
  const [description] = fc.sample(descriptions, 1);
  const shouted = Object.fromEntries(
    Object.entries(toMetadata(description!)).map(([key, value]) => [key.toUpperCase(), value]),
  );
  expect(fromMetadata(shouted)).toEqual(description);
});

test('metadata that is not wholly ours is none', () => {
  const [description] = fc.sample(descriptions, 1);
  const metadata = toMetadata(description!);
  expect(fromMetadata(undefined)).toBeUndefined();
  expect(fromMetadata({})).toBeUndefined();
  expect(fromMetadata({ ...metadata, 'chatlog-lines': 'many' })).toBeUndefined();
  expect(fromMetadata({ ...metadata, 'chatlog-lines-sha256': 'abc' })).toBeUndefined();
});
