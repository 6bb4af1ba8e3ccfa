/**
 * To one file: everything in one order of time. It grows as `FILE.part`; a checkpoint beside it lets the same command go on
 * from there, if the objects that the file was made of are still the same, and else begins anew. The caller holds its lock
 * (`lock-file.ts`).
 */

import { segmentSpan } from '../../storage/segment-span.ts';
import { releaseBytes } from '../scan/line-batch.ts';
import type { SelectedDay } from '../selection.ts';
import { type Checkpoint, removeCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { PartFile } from './part-file.ts';
import { isWhole, pulledBytes, scannerOf } from './pull-lines.ts';
import type { PullOptions, PullResult } from './pull-options.ts';
import { selectionTitle } from './selection-title.ts';
import { SourceChain } from './source-digest.ts';

export interface FileTarget {
  path: string;
  /** What was asked for, as it was written. */
  asked: string;
  /** Of an earlier run of the same command, with whose range the survey was made. */
  checkpoint: Checkpoint | undefined;
}

/** Bytes and time between two checkpoints, about. */
const CHECKPOINT_BYTES = 64 * 1024 * 1024;
const CHECKPOINT_MS = 2_000;

export async function pullToFile(options: PullOptions, target: FileTarget): Promise<PullResult> {
  const { survey, selection } = options;
  const { path, asked } = target;
  const { title, hasManyChannels } = selectionTitle(survey);
  const { from, chain } = await goOn(options, target, hasManyChannels);
  const scanner = scannerOf(options);
  await using file = await PartFile.open(path, from?.bytes);
  if (!from) await removeCheckpoint(path);
  const days = tracked(options, chain, from?.untilMs);
  const lines = { days, title, hasManyChannels, fromMs: from?.untilMs };
  const { fromMs, toMs } = selection;
  let written = from?.lines ?? 0;
  let savedBytes = file.bytes;
  let savedMs = performance.now();
  for await (const { bytes, lines: count, nextMs } of pulledBytes(options, lines, scanner)) {
    await file.write(bytes);
    releaseBytes(bytes);
    written += count;
    const isDue = file.bytes - savedBytes >= CHECKPOINT_BYTES || performance.now() - savedMs >= CHECKPOINT_MS;
    // Whoever goes on from a checkpoint does not hear of damage before it.
    if (nextMs === undefined || !isDue || !isWhole(scanner.findings)) continue;
    await file.sync();
    const sources = chain.digestBefore(nextMs);
    const place = { untilMs: nextMs, bytes: file.bytes, lines: written, sources };
    await writeCheckpoint(path, { version: 1, asked, fromMs, toMs, hasManyChannels, ...place });
    savedBytes = file.bytes;
    savedMs = performance.now();
  }
  await file.complete();
  await removeCheckpoint(path);
  const { findings } = scanner;
  return { lines: written, bytes: file.bytes, files: 1, filesKept: 0, filesRefused: [], findings };
}

/** Where to go on, and what the file was made of up to there. */
async function goOn(
  { survey, decisions, say }: PullOptions,
  { path, checkpoint }: FileTarget,
  hasManyChannels: boolean,
): Promise<{ from: Checkpoint | undefined; chain: SourceChain }> {
  const chain = new SourceChain(decisions);
  if (!checkpoint) return { from: undefined, chain };
  const { untilMs, sources } = checkpoint;
  for await (const day of survey.days()) {
    if (day.dayMs >= untilMs) break;
    chain.add(day);
  }
  const isSame = chain.digestBefore(untilMs) === sources && checkpoint.hasManyChannels === hasManyChannels;
  if (isSame) {
    say(`Goes on with ${path} from ${new Date(untilMs).toISOString()}.`);
    return { from: checkpoint, chain };
  }
  say('What lies in the archive has changed since the last time: begins anew.');
  return { from: undefined, chain: new SourceChain(decisions) };
}

/** Notes the days that pass; of those that are in the file already only what can go on behind `untilMs` is left. */
async function* tracked(
  { survey, onBytes, onObjects }: PullOptions,
  chain: SourceChain,
  untilMs = Number.NEGATIVE_INFINITY,
): AsyncGenerator<SelectedDay> {
  for await (const day of survey.days()) {
    if (day.dayMs >= untilMs) chain.add(day);
    const { written = [], left = [] } = Object.groupBy(day.segments, (segment) =>
      segmentSpan(segment).toMs > untilMs ? 'left' : 'written',
    );
    onBytes(written.reduce((sum, { bytes }) => sum + bytes, 0));
    onObjects(written.length);
    if (left.length > 0) yield { ...day, segments: left };
  }
}
