/** What `chatlog index` says while it works, and at its end. */
import type { IndexProgress } from '../index/indexer.ts';
import { formatBytes, formatDuration } from './format.ts';

/** `12 of 480 objects (3.1 MiB), 51200 lines, 10240/s, 3 min left` */
export function progressText(progress: IndexProgress, seconds: number): string {
  const { segments, bytes, lines, waitingFiles, total } = progress;
  const parts = [
    waitingFiles > 0
      ? `${waitingFiles} local files to go`
      : `${segments}${total ? ` of ${total.segments}` : ''} objects (${formatBytes(bytes)})`,
    `${lines} lines`,
    `${Math.round(lines / Math.max(seconds, 0.001))}/s`,
  ];
  if (total && bytes > 0 && bytes < total.bytes)
    parts.push(`${formatDuration((seconds * (total.bytes - bytes)) / bytes)} left`);
  return parts.join(', ');
}

export function indexSummary(progress: IndexProgress, seconds: number): string {
  const { lines, inserted, rejected, segments, loaded, failed, refusedFiles } = progress;
  const text = [
    `${lines} lines read in ${seconds.toFixed(1)} s (${Math.round(lines / Math.max(seconds, 0.001))}/s), ${inserted} of them new.`,
    `${segments} objects in storage: ${loaded} loaded, ${segments - loaded - failed} in the index before.`,
  ];
  if (rejected > 0) text.push(`${rejected} lines are none of ours; they stay in their files.`);
  if (failed > 0) text.push(`${failed} objects cannot be indexed; see above.`);
  if (refusedFiles > 0) text.push(`${refusedFiles} local files cannot be indexed; see above.`);
  return text.join('\n');
}
