/** What `chatlog pull` says in the end. */
import type { PullResult } from '../archive/pull/pull-options.ts';
import type { FoundGap } from '../archive/scan/scan-request.ts';
import type { Survey } from '../archive/survey.ts';
import { escapeControl } from '../lib/escape-control.ts';
import { formatBytes, formatDuration } from './format.ts';
import { type PullTarget, targetText } from './pull-target.ts';
import { type Cell, type Terminal, table } from './terminal.ts';

export interface PullReport {
  target: PullTarget;
  survey: Pick<Survey, 'objects' | 'bytes' | 'channels'>;
  result: PullResult;
  seconds: number;
}

/** Named in the summary, of each kind. */
const NAMED_MAX = 10;

export function isComplete({ findings, filesRefused }: PullResult): boolean {
  return findings.damaged.length === 0 && findings.missing.length === 0 && filesRefused.length === 0;
}

export function printPullReport(report: PullReport, terminal: Terminal): void {
  const { result } = report;
  terminal.err(writtenText(report));
  const { gaps, damaged, missing, unreadable, misplaced } = result.findings;
  const open = gaps.filter(({ backfill }) => backfill !== 'complete');
  if (open.length > 0) terminal.err(gapsText(open));
  const lists = [
    list(
      'Damaged objects',
      damaged.map(({ key, reason }) => `${key}: ${reason}`),
    ),
    list('Objects that went away before they were read', missing),
    list(
      'Files that are there, and not of an earlier pull like this; --force overwrites them',
      result.filesRefused,
    ),
  ];
  for (const text of lists.flat()) terminal.err(text);
  if (unreadable > 0)
    terminal.err(`${count(unreadable, 'line')} that are no chat lines; kept where they stood.`);
  if (misplaced > 0)
    terminal.err(
      `${count(misplaced, 'line')} of another time than their object: chatlog verify tells which.`,
    );
}

function writtenText({ target, survey, result, seconds }: PullReport): string {
  const { lines, bytes, files, filesKept, findings } = result;
  const rate = formatBytes(findings.linesBytes / Math.max(seconds, 0.001));
  const where =
    target.kind === 'directory' ? `${count(files, 'file')} in ${targetText(target)}` : targetText(target);
  const kept = filesKept > 0 ? ` ${count(filesKept, 'file')} of the same objects were there already.` : '';
  const copies = findings.duplicates > 0 ? `, ${whole(findings.duplicates)} copies left out` : '';
  return (
    `${count(lines, 'message')} of ${count(survey.channels.size, 'channel')} (${formatBytes(bytes)}) to ${where}${copies}: ` +
    `${count(survey.objects, 'object')} in ${formatDuration(seconds)}, ${rate} of lines a second.${kept}`
  );
}

function gapsText(gaps: readonly FoundGap[]): string {
  const lengthMs = (gap: FoundGap) => Date.parse(gap.until) - Date.parse(gap.timestamp);
  const longest = gaps.toSorted((a, b) => lengthMs(b) - lengthMs(a)).slice(0, NAMED_MAX);
  const channels = new Set(gaps.map(({ platform, channel }) => `${platform}/${channel}`)).size;
  const total = gaps.reduce((sum, gap) => sum + lengthMs(gap), 0);
  const head = `${count(gaps.length, 'gap')} in ${count(channels, 'channel')}, ${formatDuration(total / 1000)} in all${gaps.length > NAMED_MAX ? '; the longest' : ''}:`;
  const rows = longest.map((gap) => {
    const { platform, channel, timestamp, until, reason, backfill } = gap;
    const why = [reason, backfill === 'none' ? '' : `backfill ${backfill}`].filter((text) => text !== '');
    return `  ${escapeControl(`${platform}/${channel} ${minute(timestamp)} to ${minute(until)} (${[formatDuration(lengthMs(gap) / 1000), ...why].join(', ')})`)}`;
  });
  return [head, ...rows].join('\n');
}

function list(heading: string, items: readonly string[]): string[] {
  if (items.length === 0) return [];
  const shown = items.slice(0, NAMED_MAX).map((item) => `  ${escapeControl(item)}`);
  const rest = items.length > NAMED_MAX ? [`  and ${items.length - NAMED_MAX} more`] : [];
  return [`${heading} (${whole(items.length)}):`, ...shown, ...rest];
}

/** For programs. */
export function reportJson({ target, survey, result, seconds }: PullReport): object {
  const { findings, ...written } = result;
  return {
    output: target.kind === 'stdout' ? '-' : target.path,
    ...{ format: target.format, compress: target.compress },
    objects: survey.objects,
    objectBytes: survey.bytes,
    channels: survey.channels.size,
    ...{ messages: written.lines, bytes: written.bytes, files: written.files },
    ...{ filesKept: written.filesKept, filesRefused: written.filesRefused },
    linesRead: findings.lines,
    bytesRead: findings.linesBytes,
    duplicates: findings.duplicates,
    ...{ unreadable: findings.unreadable, misplaced: findings.misplaced },
    ...{ gaps: findings.gaps, damaged: findings.damaged, missing: findings.missing },
    seconds,
  };
}

export interface PlannedChannel {
  /** `twitch/xqc` */
  channel: string;
  days: number;
  objects: number;
  bytes: number;
}

const ROWS_MAX = 50;

/** What a `--dry-run` shows: the largest channels first. */
export function printPlan(
  { target, survey, channels }: { target: PullTarget; survey: Survey; channels: readonly PlannedChannel[] },
  terminal: Terminal,
): void {
  const rows = channels.slice(0, ROWS_MAX).map(({ channel, days, objects, bytes }): Cell[] => [
    { text: channel, style: 'bold' },
    { text: String(days), align: 'right' },
    { text: String(objects), align: 'right' },
    { text: formatBytes(bytes), align: 'right' },
  ]);
  terminal.out(table(terminal, ['CHANNEL', 'DAYS', 'OBJECTS', 'SIZE'], rows));
  if (channels.length > ROWS_MAX) terminal.out(`and ${channels.length - ROWS_MAX} more channels`);
  terminal.err(
    `Would read ${count(survey.objects, 'object')} (${formatBytes(survey.bytes)}) of ${count(channels.length, 'channel')} and write ${target.format} to ${targetText(target)}.`,
  );
}

/** `1,234 objects` */
function count(number: number, noun: string): string {
  return `${whole(number)} ${noun}${number === 1 ? '' : 's'}`;
}

function whole(number: number): string {
  return number.toLocaleString('en-US');
}

function minute(iso: string): string {
  return `${iso.slice(0, 19).replace('T', ' ')}`;
}
