/** Whether a merged object holds exactly what its sources do. */
import type { AuditRecord, RecordFiles } from './audit-records.ts';

/** How many lines are not as they should be; all zero where everything is right. */
export interface AuditFaults {
  /** Of an event, or of a line that nothing identifies: not there. */
  missing: number;
  /** There more often than it should be. */
  doubled: number;
  /** In no source, or a later copy of an event than the one that should be there. */
  unexpected: number;
}

/** An event: the copies any of which may stay. */
interface Expected {
  rank: number;
  receivedMs: number;
  digests: string[];
}

/** Both of the same number of files. */
export function compareRecords(sources: RecordFiles, merged: RecordFiles): AuditFaults {
  const faults: AuditFaults = { missing: 0, doubled: 0, unexpected: 0 };
  for (let index = 0; index < sources.count; index++) {
    const records = [...merged.read(index)];
    compareEvents(sources.read(index), records, faults);
    compareLines(sources.read(index), records, faults);
  }
  return faults;
}

/** Each event once, and of its copies the one that was received first. */
function compareEvents(
  sources: Iterable<AuditRecord>,
  merged: readonly AuditRecord[],
  faults: AuditFaults,
): void {
  const expected = new Map<string, Expected>();
  for (const { identity, isEvent, rank, receivedMs, digest } of sources) {
    if (!isEvent) continue;
    const best = expected.get(identity);
    const order = best ? rank - best.rank || receivedMs - best.receivedMs || 0 : -1;
    if (order < 0) expected.set(identity, { rank, receivedMs, digests: [digest] });
    else if (order === 0 && !best!.digests.includes(digest)) best!.digests.push(digest);
  }
  const seen = new Set<string>();
  for (const { identity, isEvent, digest } of merged) {
    if (!isEvent) continue;
    if (seen.has(identity)) faults.doubled++;
    else if (!expected.get(identity)?.digests.includes(digest)) faults.unexpected++;
    seen.add(identity);
  }
  for (const identity of expected.keys()) if (!seen.has(identity)) faults.missing++;
}

/** Lines that nothing else identifies: as many of the same bytes as the source with the most of them has. */
function compareLines(
  sources: Iterable<AuditRecord>,
  merged: readonly AuditRecord[],
  faults: AuditFaults,
): void {
  const most = new Map<string, number>();
  const bySource = new Map<string, number>();
  for (const { digest, isEvent, source } of sources) {
    if (isEvent) continue;
    const name = `${digest}${source}`;
    const count = (bySource.get(name) ?? 0) + 1;
    bySource.set(name, count);
    if (count > (most.get(digest) ?? 0)) most.set(digest, count);
  }
  const found = new Map<string, number>();
  for (const { digest, isEvent } of merged) if (!isEvent) found.set(digest, (found.get(digest) ?? 0) + 1);
  for (const digest of new Set([...most.keys(), ...found.keys()])) {
    const [wanted, got] = [most.get(digest) ?? 0, found.get(digest) ?? 0];
    if (wanted === 0) faults.unexpected += got;
    else if (got < wanted) faults.missing += wanted - got;
    else faults.doubled += got - wanted;
  }
}
