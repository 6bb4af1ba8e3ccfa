/** To standard output: everything in one order of time. Nothing is gone on with. */

import { releaseBytes } from '../scan/line-batch.ts';
import { pulledBytes, scannerOf } from './pull-lines.ts';
import type { PullOptions, PullResult } from './pull-options.ts';
import { selectionTitle } from './selection-title.ts';

/** @param write resolves when more may come */
export async function pullToStream(
  options: PullOptions,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<PullResult> {
  const scanner = scannerOf(options);
  const result: PullResult = {
    ...{ lines: 0, bytes: 0, files: 0, filesKept: 0, filesRefused: [] },
    findings: scanner.findings,
  };
  const { survey } = options;
  const lines = { days: survey.days(), ...selectionTitle(survey) };
  for await (const { bytes, lines: count } of pulledBytes(options, lines, scanner)) {
    result.lines += count;
    result.bytes += bytes.length;
    if (bytes.length > 0) await write(bytes);
    releaseBytes(bytes);
  }
  return result;
}
