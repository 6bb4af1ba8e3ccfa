/** The lines' bytes of one segment, decompressed where the thread gets them, and what was wrong with them. */
import { createHash } from 'node:crypto';
import { decompress } from '../../lib/decompress.ts';
import { errorText } from '../../lib/errors.ts';
import { compressionOf } from '../../segment-name.ts';
import { decompressWhole } from './decompress-whole.ts';
import type { ScanPort, SegmentAnswer } from './scan-port.ts';

const PIECE_BYTES = 1024 * 1024;

export interface ReadLimits {
  /** Bytes that are handed on together where the segment comes in pieces. */
  atOnce: number;
  /** Lines up to this are decompressed at one go. */
  wholeMax: number;
}

/** Bytes up to where they are damaged; in the end the damage, where there is any. */
export async function* readLines(
  port: ScanPort,
  segment: number,
  key: string,
  { atOnce, wholeMax }: ReadLimits,
): AsyncGenerator<{ bytes: Uint8Array } | { damage: string }> {
  const first = await port.ask(segment);
  if (first.kind === 'missing') return;
  const { linesBytes, linesSha256 } = first.kind === 'whole' ? first : {};
  const hash = linesSha256 === undefined ? undefined : createHash('sha256');
  const compression = compressionOf(key);
  if (first.kind === 'whole' && linesBytes !== undefined && linesBytes <= wholeMax) {
    const bytes = decompressWhole(first.bytes, compression, linesBytes);
    if (bytes) {
      if (bytes !== first.bytes) first.bytes.buffer.transfer(0);
      hash?.update(bytes);
      yield { bytes };
      if (hash && hash.digest('hex') !== linesSha256) yield { damage: NOT_AS_RECORDED };
      return;
    }
  }
  const stored = { damage: undefined as string | undefined };
  let pieces: Uint8Array[] = [];
  let length = 0;
  let damage: string | undefined;
  try {
    const source = storedBytes(port, segment, first, stored);
    for await (const piece of decompress(source, compression, { chunkSize: PIECE_BYTES })) {
      hash?.update(piece);
      pieces.push(piece);
      length += piece.length;
      if (length < atOnce) continue;
      yield { bytes: joined(pieces) };
      pieces = [];
      length = 0;
    }
  } catch (error) {
    if (port.isClosed) throw error;
    damage = `it does not decompress to its end (${errorText(error)})`;
  }
  if (length > 0) yield { bytes: joined(pieces) };
  damage ??= stored.damage;
  if (hash && damage === undefined && hash.digest('hex') !== linesSha256) damage = NOT_AS_RECORDED;
  if (damage !== undefined) yield { damage };
}

const NOT_AS_RECORDED = 'its lines are not those that were recorded';

async function* storedBytes(
  port: ScanPort,
  segment: number,
  first: SegmentAnswer,
  stored: { damage: string | undefined },
): AsyncGenerator<Uint8Array> {
  if (first.kind === 'whole') {
    yield first.bytes;
    return;
  }
  let answer: SegmentAnswer = first;
  for (; answer.kind === 'piece'; answer = await port.ask(segment)) yield answer.bytes;
  if (answer.kind === 'pieceEnd') stored.damage = answer.damage;
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
}
