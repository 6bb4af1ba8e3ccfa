/** Batches of lines for the tests of what takes and gives them. */
import type { LineBatch } from '../../src/archive/scan/line-batch.ts';
import { lineAt } from '../../src/archive/scan/line-batch.ts';
import type { ChatEvent } from '../../src/event.ts';

/** @param lines without their ends; their times are their timestamps */
export function batchOfLines(lines: readonly string[]): LineBatch {
  const bytes = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(''));
  const offsets = new Uint32Array(lines.length + 1);
  for (const [index, line] of lines.entries())
    offsets[index + 1] = offsets[index]! + Buffer.byteLength(line) + 1;
  const times = Float64Array.from(lines, (line) => Date.parse((JSON.parse(line) as ChatEvent).timestamp));
  return { bytes, offsets, times };
}

export function linesOf(batch: LineBatch): string[] {
  return Array.from(batch.times, (_, index) => lineAt(batch, index).toString());
}
