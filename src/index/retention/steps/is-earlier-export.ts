/**
 * Whether an object is what an earlier attempt made of the same rows, before somebody opted out: without what is withheld
 * since then it reads as the rows do now. Whatever cannot be read is something else.
 */
import { ChatlogError } from '../../../lib/errors.ts';
import { linesWithEnds } from '../../../privacy/forget/rewrite-lines.ts';
import type { PrivacyGate } from '../../../privacy/privacy-gate.ts';
import { withhold } from '../../../privacy/withhold.ts';
import { collectBytes } from '../../../storage/collect-bytes.ts';
import type { ObjectStore } from '../../../storage/object-store.ts';
import { readSegment } from '../../../storage/read-segment.ts';
import { LinesTally } from '../../../uploading/lines-tally.ts';
import { IdenticalLines } from '../../identical-lines.ts';
import { indexLine } from '../../message-row.ts';

export async function isEarlierExport(
  key: string,
  linesSha256: string,
  { store, privacy }: { store: ObjectStore; privacy: PrivacyGate },
  signal: AbortSignal,
): Promise<boolean> {
  if (privacy.isEmpty) return false;
  const tally = new LinesTally();
  try {
    for await (const line of linesWithEnds(exportedLines(key, store, signal))) {
      const shown = showable(line, privacy);
      if (shown) tally.update(shown);
    }
  } catch (error) {
    if (error instanceof ChatlogError && CORRUPT.has(error.code)) return false;
    throw error;
  }
  return tally.finish().linesSha256 === linesSha256;
}

const CORRUPT = new Set(['object_corrupt', 'segment_corrupt']);

async function* exportedLines(
  key: string,
  store: ObjectStore,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (!key.endsWith('.parquet')) {
    yield* readSegment(store, key, signal);
    return;
  }
  const { readExportedRows } = await import('./write-parquet.ts');
  const bytes = await collectBytes(store.get(key, signal));
  const rows = await readExportedRows(bytes).catch((cause: unknown) => {
    throw new ChatlogError('object_corrupt', `${key} is no Parquet of ours`, { cause });
  });
  for (const { line } of rows) yield Buffer.from(`${line}\n`);
}

/** As it would be exported now. */
function showable(line: Buffer, privacy: PrivacyGate): Buffer | undefined {
  const read = indexLine(line.subarray(0, -1), new IdenticalLines());
  if ('rejected' in read) return line;
  const verdict = withhold(read.event, read.timeMs, privacy);
  if (verdict === 'keep') return line;
  return verdict === 'remove' ? undefined : Buffer.from(`${JSON.stringify(verdict)}\n`);
}
