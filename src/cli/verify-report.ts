/** What `chatlog verify` prints: what was found, by kind, and one line of judgement at the end. */
import { ADVICE, type Notice, type Problem } from '../archive/verify/problem.ts';
import type { VerifyReport } from '../archive/verify/verify-archive.ts';
import { escapeControl } from '../lib/escape-control.ts';
import { formatBytes, formatDuration } from './format.ts';
import type { Terminal } from './terminal.ts';

export interface Verification {
  archive: string;
  isQuick: boolean;
  report: VerifyReport;
}

/** Of each kind; `--json` has all. */
const SHOWN_MAX = 20;

/** Whether no problem is left. */
export function isClean({ problemCounts }: Pick<VerifyReport, 'problemCounts'>): boolean {
  return Object.keys(problemCounts).length === 0;
}

export function printVerification({ archive, isQuick, report }: Verification, terminal: Terminal): void {
  const { objects, bytes, lines, days, problems, notices, noticesTotal } = report;
  const what = `${plural(objects, 'object')} (${formatBytes(bytes)}, ${plural(lines, 'line')}) of ${plural(days, 'day')}`;
  terminal.out(escapeControl(`${archive}: ${what}${isQuick ? ', by listing and metadata alone' : ''}`));
  for (const [code, found] of Map.groupBy(problems, (problem) => problem.code)) {
    terminal.out(`\n${terminal.style('bold', code)} (${found.length})`);
    printSome(found, (problem) => printProblem(problem, terminal), terminal);
    if (found.some(({ repaired }) => !repaired)) terminal.out(terminal.style('dim', `  ${ADVICE[code]}`));
  }
  if (notices.length > 0) {
    terminal.out(`\n${terminal.style('bold', 'worth a look')} (${noticesTotal})`);
    printSome(notices, (notice) => printNotice(notice, terminal), terminal);
  }
  terminal.out('');
  for (const line of [...figures(report), judgement(report, terminal)]) terminal.out(line);
}

function printSome<T>(items: readonly T[], print: (item: T) => void, terminal: Terminal): void {
  for (const item of items.slice(0, SHOWN_MAX)) print(item);
  if (items.length > SHOWN_MAX) terminal.out(`  ... and ${items.length - SHOWN_MAX} more (--json has them)`);
}

function printProblem({ key, message, repaired, unrepaired }: Problem, terminal: Terminal): void {
  const mark = repaired ? terminal.style('green', 'repaired') : terminal.style('red', 'problem');
  terminal.out(`  ${mark} ${escapeControl(key)}`);
  terminal.out(`    ${escapeControl(message)}`);
  if (unrepaired !== undefined) terminal.out(`    not repaired: ${escapeControl(unrepaired)}`);
}

function printNotice({ subject, message }: Notice, terminal: Terminal): void {
  terminal.out(`  ${terminal.style('yellow', escapeControl(subject))}: ${escapeControl(message)}`);
}

function figures({ gaps, manifests }: VerifyReport): string[] {
  const lines: string[] = [];
  if (gaps.count > 0) {
    const recovered = gaps.filled > 0 ? `; ${plural(gaps.filled, 'line')} recovered` : '';
    lines.push(`Gaps on record: ${gaps.count}, ${formatDuration(gaps.seconds)} in all${recovered}.`);
  }
  const { read, written, lacking } = manifests;
  if (written > 0) lines.push(`Manifests written: ${written}.`);
  if (lacking > 0)
    lines.push(
      `${plural(lacking, 'finished day')} without a manifest${read > 0 ? ` (${read} with one)` : ''}: ` +
        'what is missing there does not show. --write-manifests writes them.',
    );
  return lines;
}

function judgement(report: VerifyReport, terminal: Terminal): string {
  const { problemCounts, repaired, complete, doneThrough, objects } = report;
  const left = Object.values(problemCounts).reduce((sum, count) => sum + count, 0);
  const mended = repaired > 0 ? `${repaired} repaired` : '';
  if (!complete) {
    const found = left > 0 ? `${plural(left, 'problem')} until then` : 'no problem until then';
    const next = doneThrough === undefined ? '' : `; --since ${doneThrough} goes on from there`;
    return terminal.style('yellow', `Stopped: ${found}${mended && `, ${mended}`}${next}.`);
  }
  if (left > 0) return terminal.style('red', `${plural(left, 'problem')} left${mended && `, ${mended}`}.`);
  if (repaired > 0) return terminal.style('green', `Repaired: ${plural(repaired, 'problem')}, none left.`);
  return terminal.style(
    'green',
    objects > 0 ? 'Clean: everything is as it was recorded.' : 'Nothing to verify.',
  );
}

function plural(count: number, name: string): string {
  return `${count.toLocaleString('en')} ${name}${count === 1 ? '' : 's'}`;
}
