/**
 * Forgetting and compacting at the same time: whoever is forgotten while a day is merged is in what was read before, and the
 * object that is made of it may be passed by. So compaction carries out itself what was decided, before and after it puts.
 */
import { join } from 'node:path';
import { decompress } from '../../lib/decompress.ts';
import { ChatlogError } from '../../lib/errors.ts';
import type { Decision } from '../../privacy/decision.ts';
import { forgetObject } from '../../privacy/forget/forget-objects.ts';
import {
  allJudges,
  type ForgettingDecision,
  type LineJudge,
  lineJudge,
} from '../../privacy/forget/line-judge.ts';
import { rewriteLines } from '../../privacy/forget/rewrite-lines.ts';
import { channelPath } from '../../segment-name.ts';
import type { SegmentDescription } from '../../storage/object-store.ts';
import { fileChunks } from '../../uploading/file-chunks.ts';
import type { ChannelDay, CompactTools } from './compact-tools.ts';
import { createDayCompressor } from './day-compressor.ts';

interface WrittenDay {
  path: string;
  description: SegmentDescription;
}

/** What was written, or that without those who are forgotten; mostly nobody is in it any more. */
export async function withoutForgotten(
  written: WrittenDay,
  decisions: readonly Decision[],
  day: ChannelDay,
  directory: string,
  { level, signal }: CompactTools,
): Promise<WrittenDay> {
  const judge = judgeOf(decisions, day);
  if (!judge) return written;
  const { formatVersion, instance } = written.description;
  const path = join(directory, 'rewritten');
  const rewritten = await rewriteLines({
    read: () => decompress(fileChunks(written.path, signal), 'zstd'),
    to: path,
    compression: 'zstd',
    compressor: () => createDayCompressor(level),
    origin: { formatVersion, instance },
    judge,
    signal,
  });
  if (!rewritten) return written;
  if (rewritten.description) return { path, description: rewritten.description };
  throw new ChatlogError('forgetting', 'all lines of the day are of people who are being forgotten', {
    retryable: true,
    hint: 'The running instance removes them; compact again when it is done.',
  });
}

/** Carries out in the object that was put what was decided since it was made; whether that changed anything. */
export async function carryOutIn(
  key: string,
  before: readonly Decision[],
  channel: Pick<ChannelDay, 'platform' | 'channel'>,
  directory: string,
  { store, signal, decisions }: Pick<CompactTools, 'store' | 'signal' | 'decisions'>,
): Promise<boolean> {
  const known = new Set(before.map(({ id }) => id));
  const judge = judgeOf(
    (await decisions()).filter(({ id }) => !known.has(id)),
    channel,
  );
  if (!judge) return false;
  const options = { store, judge, scratch: directory, onRewritten: async () => {}, signal };
  const { removed, blanked } = await forgetObject(key, 'zstd', options);
  return removed + blanked > 0;
}

function judgeOf(
  decisions: readonly Decision[],
  { platform, channel }: Pick<ChannelDay, 'platform' | 'channel'>,
): LineJudge | undefined {
  const judges = decisions
    .filter((one): one is ForgettingDecision => one.kind === 'forget' || one.kind === 'purge_message')
    .map((decision) => lineJudge(decision))
    .filter((judge) => {
      const path = channelPath(judge.platform, judge.channel ?? '');
      return judge.channel === undefined
        ? path.startsWith(`${platform}/`)
        : path === `${platform}/${channel}`;
    });
  return judges.length === 0 ? undefined : allJudges(judges);
}
