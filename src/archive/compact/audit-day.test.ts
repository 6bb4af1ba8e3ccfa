import { writeFile } from 'node:fs/promises';
import { zstdCompressSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { modelLines } from '../../../test/support/archive-model.ts';
import { indexLines } from '../../../test/support/index-lines.ts';
import { type TempDir, tempDir } from '../../../test/support/temp-dir.ts';
import type { ChatEvent } from '../../event.ts';
import { objectKey, segmentFile } from '../../segment-name.ts';
import { storedSegment } from '../../storage/read-segment.ts';
import { DayAudit } from './audit-day.ts';
import type { SourceCopy } from './source-copies.ts';

const START_MS = Date.UTC(2026, 10, 20, 13);
const signal = new AbortController().signal;

const event = (line: string) => JSON.parse(line) as ChatEvent;
const LINES = indexLines({ seed: 8, lines: 400, startMs: START_MS, spanMs: 3_000_000 })
  .map((line) => JSON.stringify({ ...event(line), platform: 'twitch', channel: 'xqc' }))
  .filter((line) => event(line).timestamp < '2026-11-20T14');
/** As a second recorder has them. */
const COPIES = LINES.filter((line) => event(line).id && event(line).received_at).map((line) =>
  JSON.stringify({
    ...event(line),
    received_at: new Date(Date.parse(event(line).received_at!) + 7).toISOString(),
  }),
);
const MERGED = modelLines([LINES, COPIES]);

async function copies(directory: TempDir, sources: readonly (readonly string[])[]): Promise<SourceCopy[]> {
  return Promise.all(
    sources.map(async (lines, index) => {
      const name = {
        platform: 'twitch',
        channel: 'xqc',
        startMs: START_MS,
        suffix: index === 0 ? '' : `-${index + 1}`,
      };
      const key = objectKey(segmentFile(name, 'zstd'))!;
      const path = directory.join(`source-${index}`);
      const bytes = zstdCompressSync(lines.map((line) => `${line}\n`).join(''));
      await writeFile(path, bytes);
      const segment = storedSegment(key, bytes.length)!;
      return { segment, path, description: undefined, objectSha256: '', objectBytes: bytes.length };
    }),
  );
}

/** What is wrong with these lines in place of the sources'; undefined where nothing is. */
async function wrong(merged: readonly string[], sources: readonly (readonly string[])[] = [LINES, COPIES]) {
  await using directory = await tempDir('audit');
  const all = await copies(directory, sources);
  using audit = new DayAudit(directory.path, all, signal);
  for (const [index, copy] of all.entries()) await audit.addSource(copy, index);
  const path = directory.join('merged-object');
  await writeFile(path, zstdCompressSync(merged.map((line) => `${line}\n`).join('')));
  return await audit.demandSame(path, all).then(
    () => undefined,
    (error: { code: string; message: string }) => {
      expect(error.code).toBe('compaction_wrong');
      return error.message.replace(/^.*not the same: /, '');
    },
  );
}

const withoutLine = (index: number) => MERGED.filter((_, at) => at !== index);
const first = (isIt: (found: ChatEvent) => boolean) => MERGED.findIndex((line) => isIt(event(line)));

it('finds nothing wrong with what the model gives', async () => {
  expect(await wrong(MERGED)).toBeUndefined();
});

it('finds an event, or a line that nothing identifies, that is missing or doubled', async () => {
  for (const at of [first(({ id }) => id !== undefined), first(({ type }) => type === 'join')]) {
    expect(await wrong(withoutLine(at))).toBe('1 lines missing');
    expect(await wrong(MERGED.toSpliced(at, 0, MERGED[at]!))).toBe('1 lines doubled');
  }
});

it('finds a changed byte, a line from nowhere, and a later copy in place of the first', async () => {
  const at = first(({ id, message }) => id !== undefined && message === 'hello');
  expect(await wrong(MERGED.with(at, MERGED[at]!.replace('hello', 'hellp')))).toBe('1 lines unexpected');
  expect(await wrong([...MERGED, '{"timestamp":"2026-11-20T13:59:59.999Z","id":"x"}'])).toBe(
    '1 lines unexpected',
  );
  const copied = first(({ id, received_at }) => id !== undefined && received_at !== undefined);
  const later = COPIES.find((line) => event(line).id === event(MERGED[copied]!).id)!;
  expect(await wrong(MERGED.with(copied, later))).toBe('1 lines unexpected');
});

it('finds lines that do not stand in order of time', async () => {
  const swapped = MERGED.with(10, MERGED[200]!).with(200, MERGED[10]!);
  expect(await wrong(swapped)).toMatch(/^\d+ lines disordered$/);
});

it('counts identical lines by the source that has most of them', async () => {
  const join = LINES.find((line) => event(line).type === 'join')!;
  expect(await wrong([join, join, join], [[join], [join, join, join], [join, join]])).toBeUndefined();
  expect(await wrong([join, join], [[join], [join, join, join]])).toBe('1 lines missing');
});
