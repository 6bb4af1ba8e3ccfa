import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LINE_BYTES_MAX, type LineReceiver, LineSplitter, type OddReason } from './line-splitter.ts';

type Delivered = { text: string } | { bytes: string; reason: OddReason; piece: number };

class Receiver implements LineReceiver {
  readonly delivered: Delivered[] = [];
  line(text: string): void {
    this.delivered.push({ text });
  }
  bytes(bytes: Buffer, reason: OddReason, piece: number): void {
    this.delivered.push({ bytes: bytes.toString('latin1'), reason, piece });
  }
}

function split(chunks: Iterable<Buffer>): Delivered[] {
  const receiver = new Receiver();
  const splitter = new LineSplitter(receiver);
  for (const chunk of chunks) {
    const own = Buffer.from(chunk);
    splitter.push(own);
    own.fill(0x58);
    expect(splitter.pendingBytes).toBeLessThanOrEqual(LINE_BYTES_MAX + 1);
  }
  return receiver.delivered;
}

/** The obvious way, on the whole input at once. */
function expected(input: Buffer): Delivered[] {
  const delivered: Delivered[] = [];
  for (let start = 0, newline = input.indexOf(10); newline >= 0; newline = input.indexOf(10, start)) {
    const end = newline > start && input[newline - 1] === 13 ? newline - 1 : newline;
    const line = input.subarray(start, end);
    start = newline + 1;
    if (line.length === 0) continue;
    if (line.length <= LINE_BYTES_MAX && isUtf8(line)) delivered.push({ text: line.toString() });
    else {
      const reason = line.length > LINE_BYTES_MAX ? 'too long' : 'not UTF-8';
      for (let at = 0, piece = 1; at < line.length; at += LINE_BYTES_MAX, piece++) {
        delivered.push({ bytes: line.subarray(at, at + LINE_BYTES_MAX).toString('latin1'), reason, piece });
      }
    }
  }
  return delivered;
}

function cut(input: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (let n = 0; at < input.length; n++) {
    const size = sizes.length > 0 ? sizes[n % sizes.length]! : input.length;
    chunks.push(input.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

const piece = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => Buffer.from(text)) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
  {
    weight: 4,
    arbitrary: fc.constantFrom('\n', '\r\n', '\r', '\r\r\n', '\n\n', '\0', 'é').map((s) => Buffer.from(s)),
  },
);
const sizes = fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 20 });

describe('the line splitter', () => {
  it('hands over every finished line once, byte for byte, however the bytes are cut into chunks', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), sizes, (pieces, cuts) => {
        const input = Buffer.concat(pieces);
        expect(split(cut(input, cuts))).toEqual(expected(input));
      }),
      { numRuns: 2000 },
    );
  });

  it('treats lines around the length limit alike, however they are cut', () => {
    const length = fc
      .integer({ min: -3, max: 3 })
      .chain((near) => fc.integer({ min: 1, max: 3 }).map((times) => LINE_BYTES_MAX * times + near));
    const end = fc.constantFrom('\n', '\r\n');
    const filler = fc.constantFrom('a', 'é', '\r', '\xff');
    const lines = fc.array(fc.tuple(length, filler, end), { minLength: 1, maxLength: 3 });
    const bigSizes = fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(lines, bigSizes, fc.boolean(), (specs, cuts, invalid) => {
        const input = Buffer.concat(
          specs.map(([bytes, fill, newline]) => {
            const unit = Buffer.from(fill, invalid ? 'latin1' : 'utf8');
            return Buffer.concat([Buffer.alloc(bytes, unit), Buffer.from(newline)]);
          }),
        );
        expect(
          split(
            cut(
              input,
              cuts.map((n) => n + 4000),
            ),
          ),
        ).toEqual(expected(input));
      }),
      { numRuns: 60 },
    );
  });

  it('keeps a line whole whose characters are cut in the middle', () => {
    const input = Buffer.from('PRIVMSG #a :über 🎉 ende\r\n');
    const bytes = [...input].map((byte) => Buffer.from([byte]));
    expect(split(bytes)).toEqual([{ text: 'PRIVMSG #a :über 🎉 ende' }]);
  });

  it('holds a bounded number of bytes of a line that never ends', () => {
    const receiver = new Receiver();
    const splitter = new LineSplitter(receiver);
    for (let n = 0; n < 2000; n++) splitter.push(Buffer.alloc(1500, 'x'));
    expect(splitter.pendingBytes).toBeLessThanOrEqual(LINE_BYTES_MAX + 1);
    const total = receiver.delivered.reduce((sum, d) => sum + ('bytes' in d ? d.bytes.length : 0), 0);
    expect(total + splitter.pendingBytes).toBe(3_000_000);
    splitter.push(Buffer.from('\nnext\n'));
    expect(receiver.delivered.at(-1)).toEqual({ text: 'next' });
  });

  it('does not let one invalid line spoil its neighbours in the same chunk', () => {
    const input = Buffer.concat([Buffer.from('a\r\n'), Buffer.from([0xff, 0x41, 0x0a]), Buffer.from('b\n')]);
    expect(split([input])).toEqual([
      { text: 'a' },
      { bytes: '\xffA', reason: 'not UTF-8', piece: 1 },
      { text: 'b' },
    ]);
  });
});
