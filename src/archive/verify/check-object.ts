/** What an object's listing, metadata, manifest entry and content say against each other. Pure. */
import type { ObjectHead, SegmentDescription } from '../../storage/object-store.ts';
import type { StoredSegment } from '../../storage/read-segment.ts';
import { isDayObject } from '../../storage/segment-span.ts';
import type { ManifestObject } from '../manifest/manifest.ts';
import type { Finding } from './inspect-lines.ts';
import type { Inspection } from './inspect-object.ts';
import type { Notice, Problem } from './problem.ts';

export interface ObjectEvidence {
  segment: StoredSegment;
  head: ObjectHead;
  /** Undefined where no manifest lists it. */
  entry: ManifestObject | undefined;
  /** Undefined where only listing and metadata were looked at. */
  inspection: Inspection | undefined;
}

export interface ObjectVerdict {
  problems: Problem[];
  notices: Notice[];
  /** Its bytes are what they should be, as far as anybody says. */
  isIntact: boolean;
  /** Intact, and yet something else than the manifest says: it was changed. */
  differsFromManifest: boolean;
}

export function checkObject(evidence: ObjectEvidence): ObjectVerdict {
  const { segment, head, entry, inspection } = evidence;
  const { key } = segment;
  const damage = inspection ? damageOf(inspection, head, entry) : damageOfSize(head, entry);
  if (damage)
    return { problems: [problemOf(key, damage)], notices: [], isIntact: false, differsFromManifest: false };
  const problems: Problem[] = [];
  const metadata = metadataProblem(head, inspection);
  if (metadata) problems.push(problemOf(key, metadata));
  if (inspection) problems.push(...lineProblems(segment, inspection));
  const notices: Notice[] = [];
  const { disorder } = inspection ?? {};
  if (disorder && !isDayObject(segment))
    notices.push({
      code: 'order',
      subject: key,
      message: `the clock went back while it was recorded: ${places(disorder)}`,
    });
  const isAsWritten = metadata?.code !== 'metadata_wrong';
  const digest = inspection?.objectSha256 ?? head.description?.objectSha256;
  const differsFromManifest =
    entry !== undefined && isAsWritten && digest !== undefined && digest !== entry.object_sha256;
  return { problems, notices, isIntact: true, differsFromManifest };
}

type Found = Pick<Problem, 'code' | 'message'>;

function problemOf(key: string, { code, message }: Found): Problem {
  return { code, key, message };
}

/** Whether the object's own bytes are not what they should be. */
function damageOf(
  inspection: Inspection,
  head: ObjectHead,
  entry: ManifestObject | undefined,
): Found | undefined {
  const { objectSha256, objectBytes, broken } = inspection;
  const expected = [head.description?.objectSha256, entry?.object_sha256].filter(
    (digest) => digest !== undefined,
  );
  if (expected.includes(objectSha256) || expected.length === 0) {
    if (!broken) return undefined;
    const code = broken.isCut ? 'object_truncated' : 'object_corrupt';
    return { code, message: `it does not decompress to its end: ${broken.reason}` };
  }
  const wantedBytes = head.description?.objectBytes ?? entry?.bytes ?? objectBytes;
  if (objectBytes < wantedBytes)
    return { code: 'object_truncated', message: `${objectBytes} of ${wantedBytes} bytes are there` };
  const what = broken ? `, and it does not decompress: ${broken.reason}` : '';
  return { code: 'object_corrupt', message: `its bytes are not those that were written (SHA-256)${what}` };
}

/** Without reading it: by its size alone. */
function damageOfSize(
  { bytes, description }: ObjectHead,
  entry: ManifestObject | undefined,
): Found | undefined {
  const wantedBytes = description?.objectBytes ?? entry?.bytes;
  if (wantedBytes === undefined || bytes === wantedBytes) return undefined;
  if (bytes < wantedBytes)
    return { code: 'object_truncated', message: `${bytes} of ${wantedBytes} bytes are there` };
  return { code: 'object_corrupt', message: `${bytes} bytes are there in place of ${wantedBytes}` };
}

const CHECKED = [
  ['objectSha256', 'the digest of the object'],
  ['objectBytes', 'its size'],
  ['linesSha256', 'the digest of its lines'],
  ['linesBytes', 'the size of its lines'],
  ['lines', 'the number of lines'],
  ['firstTimestamp', 'the first time'],
  ['lastTimestamp', 'the last time'],
] as const satisfies readonly (readonly [keyof SegmentDescription & keyof Inspection, string])[];

function metadataProblem({ description }: ObjectHead, inspection: Inspection | undefined): Found | undefined {
  if (!description) return { code: 'metadata_missing', message: 'the object says nothing about itself' };
  if (!inspection) return undefined;
  const wrong = CHECKED.filter(([member]) => description[member] !== inspection[member]);
  if (wrong.length === 0) return undefined;
  const [member] = wrong[0]!;
  const example = `"${description[member]}" in place of "${inspection[member]}"`;
  return {
    code: 'metadata_wrong',
    message: `its metadata is wrong in ${wrong.map(([, name]) => name).join(', ')}: ${example}`,
  };
}

function lineProblems(
  segment: StoredSegment,
  { malformed, outside, strangers, disorder }: Inspection,
): Problem[] {
  const { key } = segment;
  const problems: Problem[] = [];
  if (malformed)
    problems.push({ code: 'line_malformed', key, message: `lines that are no event: ${places(malformed)}` });
  if (outside)
    problems.push({ code: 'wrong_hour', key, message: `lines of another time: ${places(outside)}` });
  if (strangers)
    problems.push({ code: 'wrong_hour', key, message: `lines of another channel: ${places(strangers)}` });
  if (disorder && isDayObject(segment))
    problems.push({
      code: 'order',
      key,
      message: `lines that stand before an earlier one: ${places(disorder)}`,
    });
  return problems;
}

function places({ count, line, example }: Finding): string {
  return `${count}, the first in line ${line} (${example})`;
}
