import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ProgressLine, transferText } from './progress-line.ts';

describe('how far a transfer is', () => {
  it('tells rate and time left where all is listed', () => {
    const progress = {
      doneBytes: 3 * 1024 ** 2,
      totalBytes: 12 * 1024 ** 2,
      doneObjects: 120,
      totalObjects: 480,
    };
    expect(transferText(progress, 60)).toBe(
      '120 of 480 objects, 3.0 MiB of 12 MiB (25 %), 51 KiB/s, 3 min left',
    );
  });
  it.each([true, false])('has a bar on a terminal alone: %s', async (isTTY) => {
    const written: string[] = [];
    const stream = { isTTY, columns: 60, write: (text: string) => written.push(text) > 0 };
    const said: string[] = [];
    const terminal = { err: (line: string) => void said.push(line) };
    const line = new ProgressLine(terminal, { stream: stream as unknown as NodeJS.WriteStream });
    await sleep(300);
    line.showTransfer({ doneBytes: 50, totalBytes: 200, doneObjects: 1, totalObjects: 4 });
    expect(said).toEqual([]);
    expect(written.map((text) => text.slice(0, 28))).toEqual(
      isTTY ? ['\r\u001b[K█████░░░░░░░░░░░░░░░ 1 o'] : [],
    );
  });
  it('tells what it knows until then', () => {
    const progress = { doneBytes: 0, totalBytes: undefined, doneObjects: 0, totalObjects: undefined };
    expect(transferText(progress, 0)).toBe('0 objects, 0 B, 0 B/s');
  });
});
