/** What `chatlog storage` prints. */
import type { ProjectedCost, StoredAmount } from '../archive/cost/project-cost.ts';
import { type StorageRow, type StorageSurvey, sumRows } from '../archive/cost/survey-storage.ts';
import type { Provider } from '../storage/provider-profile.ts';
import { formatBytes } from './format.ts';
import { type Cell, type Terminal, table } from './terminal.ts';

export const GROUPINGS = ['channel', 'month', 'platform'] as const;
export type Grouping = (typeof GROUPINGS)[number];

export interface StorageReport extends StorageSurvey {
  archive: string;
  total: StoredAmount & { messages: number | undefined };
  /** Where it lies; undefined for a directory. */
  provider: Provider | undefined;
  /** Year and month of the price lists. */
  pricesAsOf: string;
  /** US dollars. */
  costs: (ProjectedCost & { provider: Provider; isDefault: boolean })[];
}

/** Of the channels; `--by channel` and `--json` have all. */
const CHANNELS_SHOWN = 20;

/** @param by undefined: by month, and the largest channels */
export function printStorage(report: StorageReport, by: Grouping | undefined, terminal: Terminal): void {
  const { archive, total, rows, other, uncounted, monthly } = report;
  terminal.out(
    `${archive}: ${count(total.objects)} objects, ${formatBytes(total.bytes)}${messagesText(total)}`,
  );
  if (other.objects > 0)
    terminal.out(
      `Besides: ${count(other.objects)} other objects, ${formatBytes(other.bytes)} (manifests, decisions, exports, ...)`,
    );
  if (uncounted > 0)
    terminal.out(`Of ${count(uncounted)} objects nobody knows the messages: they have no metadata`);
  if (total.objects === 0) return;
  if (by !== undefined) printTable(rows, by, terminal);
  else {
    printTable(rows, 'month', terminal);
    printTable(rows, 'channel', terminal, CHANNELS_SHOWN);
  }
  printCosts(report, terminal);
  const rate = `${formatBytes(monthly.bytes)} and ${count(monthly.objects)} objects a month`;
  terminal.out(
    monthly.days > 0
      ? `\nAt the present rate: ${rate} (the last ${monthly.days} days).`
      : '\nNothing was recorded in the last 30 days: no growth is assumed.',
  );
  for (const note of notes(report)) terminal.out(note);
}

function printTable(
  rows: readonly StorageRow[],
  by: Grouping,
  terminal: Terminal,
  shown = Number.POSITIVE_INFINITY,
): void {
  const groups = [...Map.groupBy(rows, (row) => nameOf(row, by))].map(([name, group]) => ({
    name,
    ...sumRows(group),
  }));
  // Months in their order; else the largest first.
  groups.sort((a, b) => (by === 'month' ? (a.name < b.name ? -1 : 1) : b.bytes - a.bytes));
  const right = (text: string): Cell => ({ text, align: 'right' });
  const cells = groups
    .slice(0, shown)
    .map((group): Cell[] => [
      { text: group.name, style: 'bold' },
      right(count(group.objects)),
      right(formatBytes(group.bytes)),
      right(group.messages === undefined ? '' : count(group.messages)),
      right(perMessage(group)),
    ]);
  terminal.out(
    `\n${table(terminal, [by.toUpperCase(), 'OBJECTS', 'SIZE', 'MESSAGES', 'BYTES/MESSAGE'], cells)}`,
  );
  if (groups.length > shown) terminal.out(`... and ${groups.length - shown} more (--by ${by} has all)`);
}

function nameOf({ platform, channel, month }: StorageRow, by: Grouping): string {
  return by === 'month' ? month : by === 'platform' ? platform : `${platform}/${channel}`;
}

function printCosts({ costs, provider }: StorageReport, terminal: Terminal): void {
  const cells = costs.map((cost): Cell[] => {
    const isHere = cost.provider === provider && cost.isDefault;
    const right = (dollars: number): Cell => ({ text: money(dollars), align: 'right' });
    return [
      { text: isHere ? `${cost.name} (here)` : cost.name, ...(isHere && { style: 'bold' as const }) },
      right(cost.storagePerMonth),
      right(cost.requestsPerMonth),
      right(cost.nextYear),
      right(cost.readOnce),
    ];
  });
  const headings = ['USD', 'STORAGE/MONTH', 'REQUESTS/MONTH', 'NEXT 12 MONTHS', 'READ ALL ONCE'];
  terminal.out(`\n${table(terminal, headings, cells)}`);
}

function notes({ pricesAsOf, total }: StorageReport): string[] {
  const lines = [
    `List prices as of ${pricesAsOf}, without free tiers, discounts and taxes; check them before you decide.`,
    'Requests: a put and a head for each object. Reading: over the internet.',
  ];
  const billed = total.billedBytes / Math.max(1, total.bytes);
  if (billed > 1.5)
    lines.push(
      `Standard-IA and Glacier bill an object as 128 KiB at least: ${billed.toFixed(1)} times the bytes that are there. ` +
        '"chatlog compact" makes few large objects of many small ones.',
    );
  return lines;
}

function messagesText(total: StorageReport['total']): string {
  const { messages } = total;
  return messages === undefined ? '' : `, ${count(messages)} messages (${perMessage(total)} bytes each)`;
}

function perMessage({ bytes, messages }: { bytes: number; messages: number | undefined }): string {
  return messages ? (bytes / messages).toFixed(1) : '';
}

function money(dollars: number): string {
  return dollars === 0
    ? '0'
    : dollars < 0.01
      ? '< 0.01'
      : dollars.toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}
