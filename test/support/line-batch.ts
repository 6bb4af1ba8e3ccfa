import { type LineBatch, lineAt } from '../../src/archive/scan/line-batch.ts';

/** Lines as they go through the archive tools; each of its own time where it tells one, else of `timeMs`. */
export function lineBatch(lines: readonly (string | Uint8Array)[], timeMs = 0): LineBatch {
  const buffers = lines.map((line) => Buffer.from(line as Uint8Array));
  const offsets = new Uint32Array(lines.length + 1);
  for (const [index, { length }] of buffers.entries()) offsets[index + 1] = offsets[index]! + length + 1;
  const bytes = new Uint8Array(offsets.at(-1)!);
  bytes.fill(0x0a);
  for (const [index, line] of buffers.entries()) bytes.set(line, offsets[index]);
  return { bytes, offsets, times: Float64Array.from(buffers, (line) => timeOf(line) ?? timeMs) };
}

function timeOf(line: Buffer): number | undefined {
  try {
    const ms = Date.parse(JSON.parse(line.toString()).timestamp);
    return Number.isNaN(ms) ? undefined : ms;
  } catch {
    return undefined;
  }
}

export function linesOf(batch: LineBatch): string[] {
  return Array.from(batch.times, (_, index) => lineAt(batch, index).toString());
}
