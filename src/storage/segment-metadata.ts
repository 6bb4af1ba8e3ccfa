/** A segment's description as an object's user metadata: lower-case keys, ASCII values, well below S3's 2 KB. */
import type { SegmentDescription } from './object-store.ts';

const KEYS = {
  linesSha256: 'chatlog-lines-sha256',
  objectSha256: 'chatlog-object-sha256',
  objectBytes: 'chatlog-object-bytes',
  linesBytes: 'chatlog-lines-bytes',
  lines: 'chatlog-lines',
  firstTimestamp: 'chatlog-first-timestamp',
  lastTimestamp: 'chatlog-last-timestamp',
  formatVersion: 'chatlog-format-version',
  instance: 'chatlog-instance',
} as const satisfies Record<keyof SegmentDescription, string>;

/** Empty values are left out: not every server keeps a header without a value. */
export function toMetadata(description: SegmentDescription): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const [member, key] of Object.entries(KEYS)) {
    const value = String(description[member as keyof SegmentDescription]);
    if (value !== '') metadata[key] = value;
  }
  return metadata;
}

/** Undefined where the metadata is not, or not wholly, Chatlog's. */
export function fromMetadata(
  metadata: Readonly<Record<string, string>> | undefined,
): SegmentDescription | undefined {
  if (!metadata) return undefined;
  const values = new Map(Object.entries(metadata).map(([key, value]) => [key.toLowerCase(), value]));
  const description: SegmentDescription = {
    linesSha256: values.get(KEYS.linesSha256) ?? '',
    objectSha256: values.get(KEYS.objectSha256) ?? '',
    objectBytes: toCount(values.get(KEYS.objectBytes)),
    linesBytes: toCount(values.get(KEYS.linesBytes)),
    lines: toCount(values.get(KEYS.lines)),
    firstTimestamp: values.get(KEYS.firstTimestamp) ?? '',
    lastTimestamp: values.get(KEYS.lastTimestamp) ?? '',
    formatVersion: toCount(values.get(KEYS.formatVersion)),
    instance: values.get(KEYS.instance) ?? '',
  };
  const { linesSha256, objectSha256, ...rest } = description;
  const digests = [linesSha256, objectSha256].every((digest) => /^[0-9a-f]{64}$/.test(digest));
  return digests && !Object.values(rest).includes(Number.NaN) ? description : undefined;
}

function toCount(text: string | undefined): number {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
}
