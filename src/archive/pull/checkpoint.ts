/** `FILE.part.json`: up to when `FILE.part` is written, of what, and where it ended then. */
import { readFile, rm, stat } from 'node:fs/promises';
import { z } from 'zod';
import { writeFileAtomic } from '../../lib/write-file-atomic.ts';
import { partName } from './part-file.ts';

const checkpointSchema = z.object({
  version: z.literal(1),
  /** What was asked for, as it was written. */
  asked: z.string(),
  /** What that meant then, ms since the epoch: `7d` goes on to mean the same. */
  fromMs: z.number().optional(),
  toMs: z.number().optional(),
  /** Whether each line says of which channel it is. */
  hasManyChannels: z.boolean(),
  /** Lines before this time are in the file, none of this time or later. */
  untilMs: z.number(),
  /** Where the file ended then. */
  bytes: z.number().int().min(0),
  lines: z.number().int().min(0),
  /** Of the segments that can hold lines before `untilMs`. */
  sources: z.string(),
});
export type Checkpoint = z.output<typeof checkpointSchema>;

/** Undefined where there is none that can be gone on from. */
export async function readCheckpoint(path: string): Promise<Checkpoint | undefined> {
  const text = await readFile(checkpointName(path), 'utf8').catch(() => '');
  const part = await stat(partName(path)).catch(() => undefined);
  const checkpoint = parse(text);
  return checkpoint && part && part.size >= checkpoint.bytes ? checkpoint : undefined;
}

/** What it says has to be on the disk already. */
export function writeCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  return writeFileAtomic(checkpointName(path), `${JSON.stringify(checkpoint)}\n`);
}

export async function removeCheckpoint(path: string): Promise<void> {
  await rm(checkpointName(path), { force: true });
}

function checkpointName(path: string): string {
  return `${partName(path)}.json`;
}

function parse(text: string): Checkpoint | undefined {
  try {
    return checkpointSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
