/** What `chatlog import` prints: what it found, what keeps it from beginning, what it did. */
import type { ImportedDay, ImportReport } from '../archive/import/import-archive.ts';
import type { ImportPlan, PlanProblem } from '../archive/import/plan-import.ts';
import type { Rejects } from '../archive/import/rejects.ts';
import { escapeControl } from '../lib/escape-control.ts';
import { formatBytes } from './format.ts';
import { type Cell, type Terminal, table } from './terminal.ts';

const REASONS_SHOWN = 5;

/** On standard error: it is about the import, not what it gives. */
export function printPlan({ files, bytes, formats, unknown }: ImportPlan, terminal: Terminal): void {
  if (files > 0) terminal.err(`${count(files, 'file')}, ${formatBytes(bytes)}:`);
  for (const { format, files: ofFormat, why, example } of formats) {
    const first = ofFormat === 1 ? example : `first: ${example}`;
    terminal.err(escapeControl(`  ${format.name}: ${count(ofFormat, 'file')}, ${why} (${first})`));
  }
  if (unknown.files === 0) return;
  const more = unknown.files > unknown.examples.length ? ', ...' : '';
  const names = unknown.examples.join(', ') + more;
  terminal.err(escapeControl(`${count(unknown.files, 'file')} of no known format, left out: ${names}`));
}

export function printProblems(problems: readonly PlanProblem[], terminal: Terminal): void {
  for (const { message, hint, files, example } of problems) {
    const others = files > 1 ? ` (and ${count(files - 1, 'other')})` : '';
    terminal.err(escapeControl(`${example}${others}: ${message}`));
    if (hint !== undefined) terminal.err(hint);
  }
}

export interface ImportOutcome {
  plan: ImportPlan;
  report: ImportReport;
  rejects: Rejects;
  dryRun: boolean;
  seconds: number;
  archive: string;
}

export function printImport(outcome: ImportOutcome, terminal: Terminal, json: boolean): void {
  if (json) terminal.out(JSON.stringify(asJson(outcome), null, 2));
  else printSummary(outcome, terminal);
}

function printSummary({ report, rejects, dryRun, archive }: ImportOutcome, terminal: Terminal): void {
  const { days, newLines, known, doubled, withheld, objects, objectBytes } = report;
  const rows = dryRun ? days.map(row) : byChannel(days).map(row);
  if (rows.length > 0) {
    const headings = ['channel', ...(dryRun ? ['day'] : ['days']), 'messages', 'new', 'first', 'last'];
    terminal.out(table(terminal, headings, rows));
    terminal.out('');
  }
  terminal.out(
    dryRun
      ? `${count(newLines, 'message')} would be new in ${archive}. Nothing was put.`
      : `${count(newLines, 'message')} imported into ${archive}: ${count(objects, 'object')}, ${formatBytes(objectBytes)}.`,
  );
  const rest = [
    known > 0 ? `${known} were there already` : '',
    doubled > 0 ? `${doubled} stand in the files more than once` : '',
    withheld > 0 ? `${withheld} are of people or channels that asked not to be kept` : '',
  ].filter((text) => text !== '');
  if (rest.length > 0) terminal.out(`Of the others, ${rest.join(', ')}.`);
  printRejects(rejects, terminal);
}

function printRejects(rejects: Rejects, terminal: Terminal): void {
  if (rejects.count === 0) return;
  terminal.err(
    escapeControl(`${count(rejects.count, 'record')} could not be imported; see ${rejects.path}:`),
  );
  const { reasons } = rejects;
  for (const [reason, times] of reasons.slice(0, REASONS_SHOWN))
    terminal.err(escapeControl(`  ${times}  ${reason}`));
  if (reasons.length > REASONS_SHOWN) terminal.err(`  and other reasons`);
}

interface Row
  extends Pick<ImportedDay, 'platform' | 'channel' | 'lines' | 'newLines' | 'firstMs' | 'lastMs'> {
  when: string;
}

function row(day: ImportedDay | Row): Cell[] {
  const when = 'when' in day ? day.when : new Date(day.dayMs).toISOString().slice(0, 10);
  const number = (value: number): Cell => ({ text: String(value), align: 'right' });
  return [
    { text: `${day.platform}/${day.channel}` },
    { text: when },
    number(day.lines),
    number(day.newLines),
    { text: time(day.firstMs) },
    { text: time(day.lastMs) },
  ];
}

function byChannel(days: readonly ImportedDay[]): Row[] {
  const channels = new Map<string, Row & { days: number }>();
  for (const { platform, channel, lines, newLines, firstMs, lastMs } of days) {
    const name = `${platform}/${channel}`;
    const known = channels.get(name);
    if (!known) {
      channels.set(name, { platform, channel, lines, newLines, firstMs, lastMs, days: 1, when: '1' });
      continue;
    }
    known.lines += lines;
    known.newLines += newLines;
    known.firstMs = Math.min(known.firstMs, firstMs);
    known.lastMs = Math.max(known.lastMs, lastMs);
    known.when = String(++known.days);
  }
  return [...channels.values()];
}

function time(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function asJson({ plan, report, rejects, dryRun, seconds, archive }: ImportOutcome): object {
  return {
    archive,
    dry_run: dryRun,
    seconds: Math.round(seconds * 1000) / 1000,
    formats: plan.formats.map(({ format, files, why }) => ({ name: format.name, files, why })),
    files: report.files,
    unknown_files: plan.unknown.files,
    messages: report.lines,
    new: report.newLines,
    known: report.known,
    doubled: report.doubled,
    withheld: report.withheld,
    rejected: report.rejects,
    rejects_file: rejects.count === 0 ? undefined : rejects.path,
    objects: report.objects,
    bytes: report.objectBytes,
    days: report.days.map((day) => ({
      platform: day.platform,
      channel: day.channel,
      day: new Date(day.dayMs).toISOString().slice(0, 10),
      messages: day.lines,
      new: day.newLines,
      first: new Date(day.firstMs).toISOString(),
      last: new Date(day.lastMs).toISOString(),
    })),
  };
}
