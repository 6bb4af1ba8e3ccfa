import { describe, expect, it } from 'vitest';
import { transferText } from './progress-line.ts';

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
  it('tells what it knows until then', () => {
    const progress = { doneBytes: 0, totalBytes: undefined, doneObjects: 0, totalObjects: undefined };
    expect(transferText(progress, 0)).toBe('0 objects, 0 B, 0 B/s');
  });
});
