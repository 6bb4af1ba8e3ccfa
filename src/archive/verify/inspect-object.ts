/**
 * Reads one object to its end and says what is in it, whatever state it is in: digests, counts, and what is wrong with its
 * lines. Streaming; memory: a chunk and a line (16 MiB at most, nothing real is longer).
 */
import { createHash } from 'node:crypto';
import { decompress } from '../../lib/decompress.ts';
import { errorText } from '../../lib/errors.ts';
import type { Compression } from '../../segment-name.ts';
import { type LinesSummary, LinesTally } from '../../uploading/lines-tally.ts';
import { type LineFindings, type LineRules, LinesInspector } from './inspect-lines.ts';

export interface InspectRules extends LineRules {
  compression: Compression;
}

export interface Inspection extends LinesSummary, LineFindings {
  objectBytes: number;
  objectSha256: string;
  /** Why it does not decompress to its end; the lines are those before that place. `isCut`: something is missing there. */
  broken: { reason: string; isCut: boolean } | undefined;
}

/** Of lines at a time: small pieces cost more than what is in them. */
const PIECE_BYTES = 64 * 1024;

/** Rejects with what the source fails with, and with nothing else. */
export async function inspectObject(
  source: AsyncIterable<Uint8Array>,
  rules: InspectRules,
): Promise<Inspection> {
  const hash = createHash('sha256');
  const tally = new LinesTally();
  const inspector = new LinesInspector(rules);
  let objectBytes = 0;
  let failure: { error: unknown } | undefined;
  const iterator = source[Symbol.asyncIterator]();
  // Without `return`: what follows the place where decompressing fails is still to be hashed.
  const chunks: AsyncIterableIterator<Buffer> = {
    [Symbol.asyncIterator]: () => chunks,
    next: async () => {
      try {
        const { done, value } = await iterator.next();
        if (done) return { done: true, value: undefined };
        hash.update(value);
        objectBytes += value.length;
        return { done: false, value: Buffer.from(value.buffer, value.byteOffset, value.length) };
      } catch (error) {
        failure = { error };
        throw error;
      }
    },
  };
  let broken: Inspection['broken'];
  try {
    for await (const lines of decompress(chunks, rules.compression, { chunkSize: PIECE_BYTES })) {
      tally.update(lines);
      inspector.update(lines);
    }
    if (objectBytes === 0 && rules.compression !== 'none') broken = { reason: 'it is empty', isCut: true };
  } catch (error) {
    if (failure) throw failure.error;
    broken = { reason: errorText(error), isCut: (error as { code?: unknown }).code === 'Z_BUF_ERROR' };
    for await (const _ of chunks);
  }
  // A line that damage cut in two is not one that was written so.
  const findings = inspector.finish(broken !== undefined);
  return { ...tally.finish(), ...findings, objectBytes, objectSha256: hash.digest('hex'), broken };
}
