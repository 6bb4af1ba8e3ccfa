import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { RECORD_FORMAT_VERSION } from '../../../event.ts';
import { ChatlogError } from '../../../lib/errors.ts';
import { channelPath } from '../../../segment-name.ts';
import { compareObject, objectDigest } from '../../../storage/compare-object.ts';
import type { ObjectBody, PutOutcome, SegmentDescription } from '../../../storage/object-store.ts';
import { LinesTally } from '../../../uploading/lines-tally.ts';
import { dayRows } from '../day-rows.ts';
import { dayText } from '../due-ranges.ts';
import type { StepResult } from '../pipeline-state.ts';
import { ExportFile } from './export-file.ts';
import { isEarlierExport } from './is-earlier-export.ts';
import type { StepCall } from './step.ts';
import { writeJsonl } from './write-jsonl.ts';

const EXTENSIONS = { jsonl: 'jsonl.zst', parquet: 'parquet' } as const;

/** `exports/<pipeline>/2026/11/21/twitch/xqc.jsonl.zst`: one object for the channel's day, at every attempt the same. */
export function exportKey({ step, pipeline, platform, channel, dayMs }: StepCall<'export'>): string {
  const day = dayText(dayMs).replaceAll('-', '/');
  return `${step.prefix}${pipeline}/${day}/${channelPath(platform, channel)}.${EXTENSIONS[step.format]}`;
}

/**
 * Writes every row of the day into one object and verifies it. Nothing of others is ever overwritten: an own earlier
 * attempt is recognised by its lines. A day without rows makes no object.
 */
export async function exportRows(call: StepCall<'export'>): Promise<StepResult> {
  const { store, scratch } = call.tools;
  const key = exportKey(call);
  const path = join(scratch, `${randomUUID()}.${EXTENSIONS[call.step.format]}`);
  try {
    const description = await writeFile(path, call);
    if (description.lines === 0) return { object: null, lines: 0 };
    const outcome = await putObject(key, { path, description }, call);
    if (outcome === 'conflict')
      throw new ChatlogError('object_exists', `${key} holds something else than these rows`, {
        hint: 'Move that object away, then run "chatlog maintain --retry".',
      });
    if ((await compareObject(store, key, description, call.signal)) !== 'same')
      throw new ChatlogError('object_unverified', `${key} is not what was put there`, { retryable: true });
    return { object: key, lines: description.lines, bytes: description.objectBytes };
  } finally {
    await rm(path, { force: true });
  }
}

/** What an earlier attempt put is replaced where somebody opted out since. */
async function putObject(
  key: string,
  body: ObjectBody,
  { tools, signal }: StepCall<'export'>,
): Promise<PutOutcome> {
  const { store } = tools;
  const outcome = await store.put(key, body, signal);
  if (outcome !== 'conflict') return outcome;
  const head = await store.head(key, signal);
  if (!head) return outcome;
  const digest = await objectDigest(store, key, head, signal);
  if (!(await isEarlierExport(key, body.description.linesSha256, tools, signal))) return outcome;
  const replaced = await store.replace(key, body, digest, signal);
  return replaced === 'replaced' ? 'created' : outcome;
}

async function writeFile(path: string, call: StepCall<'export'>): Promise<SegmentDescription> {
  const { channelId, dayMs, signal, tools } = call;
  const pages = dayRows((work) => tools.database.transaction(work), {
    channelId,
    dayMs,
    privacy: tools.privacy,
    signal,
  });
  const tally = new LinesTally();
  const file = await ExportFile.create(path);
  try {
    if (call.step.format === 'jsonl') await writeJsonl(pages, file, tally);
    else {
      const { exportedRow, writeParquet } = await import('./write-parquet.ts');
      const exported = async function* () {
        for await (const page of pages) yield page.map(exportedRow);
      };
      await writeParquet(exported(), file, tally);
    }
    return {
      // Of the rows as JSON Lines, in either format: the same rows are the same whoever encoded them.
      ...tally.finish(),
      ...(await file.finish()),
      formatVersion: RECORD_FORMAT_VERSION,
      instance: tools.instance,
    };
  } finally {
    await file.close();
  }
}
