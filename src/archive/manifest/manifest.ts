/**
 * The manifest of a platform's UTC day: every object with its counts and digests, and every gap that its lines tell of. It
 * says what has to lie there, so that what is missing shows; it holds nothing that cannot be read from the objects again, and
 * nothing that anybody said. `docs/record-format.md` is its contract.
 */
import { z } from 'zod';
import type { ObjectHead } from '../../storage/object-store.ts';
import type { PlatformDay } from './manifest-key.ts';
import { dayText } from './manifest-key.ts';

export const MANIFEST_VERSION = 1;

const count = z.number().int().nonnegative();
const digest = z.string().regex(/^[0-9a-f]{64}$/);

const objectSchema = z.object({
  key: z.string().min(1),
  /** Of the object as stored, and of its lines. */
  bytes: count,
  lines_bytes: count,
  lines: count,
  lines_sha256: digest,
  object_sha256: digest,
  /** The smallest and the largest `timestamp`; '' where no line tells a time. */
  first: z.string(),
  last: z.string(),
  instance: z.string(),
});

const gapSchema = z.object({
  channel: z.string(),
  timestamp: z.string(),
  until: z.string(),
  reason: z.string(),
  backfill: z.string(),
  filled: count,
  dropped: count.optional(),
});

const totalsSchema = z.object({ objects: count, bytes: count, lines_bytes: count, lines: count });

const manifestSchema = z.object({
  version: z.literal(MANIFEST_VERSION),
  /** `2026-11-21` */
  day: z.string(),
  /** As in keys. */
  platform: z.string(),
  written_at: z.string(),
  /** The instance that wrote it; '' where none is configured. */
  by: z.string(),
  totals: totalsSchema,
  /** By key. */
  objects: z.array(objectSchema),
  /** By channel and time. */
  gaps: z.array(gapSchema),
});

export type Manifest = z.output<typeof manifestSchema>;
export type ManifestObject = z.output<typeof objectSchema>;
export type ManifestGap = z.output<typeof gapSchema>;

export interface ManifestOrigin {
  by: string;
  /** ms since the epoch */
  writtenMs: number;
}

/** Puts everything into its order. The same gap, read from two objects, is one. */
export function makeManifest(
  day: PlatformDay,
  objects: readonly ManifestObject[],
  gaps: readonly ManifestGap[],
  { by, writtenMs }: ManifestOrigin,
): Manifest {
  const sum = (member: 'bytes' | 'lines_bytes' | 'lines') =>
    objects.reduce((total, object) => total + object[member], 0);
  return {
    version: MANIFEST_VERSION,
    day: dayText(day.dayMs),
    platform: day.platform,
    written_at: new Date(writtenMs).toISOString(),
    by,
    totals: {
      objects: objects.length,
      bytes: sum('bytes'),
      lines_bytes: sum('lines_bytes'),
      lines: sum('lines'),
    },
    objects: objects.toSorted((a, b) => compareTexts(a.key, b.key)),
    gaps: sortedGaps(gaps),
  };
}

/** As the object's own metadata describes it. */
export function manifestObject(
  key: string,
  description: NonNullable<ObjectHead['description']>,
): ManifestObject {
  return {
    key,
    bytes: description.objectBytes,
    lines_bytes: description.linesBytes,
    lines: description.lines,
    lines_sha256: description.linesSha256,
    object_sha256: description.objectSha256,
    first: description.firstTimestamp,
    last: description.lastTimestamp,
    instance: description.instance,
  };
}

/** JSON with an object or gap on each line: it can be read by people, and compared by `diff`. */
export function manifestText({ objects, gaps, ...head }: Manifest): string {
  const members = Object.entries(head).map(
    ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`,
  );
  return `{${members.join(',\n')},\n"objects":${linesOf(objects)},\n"gaps":${linesOf(gaps)}}\n`;
}

/** Undefined where the text is no manifest of this day, or of a version that is not known here. */
export function parseManifest(text: string, day: PlatformDay): Manifest | undefined {
  try {
    const { data } = manifestSchema.safeParse(JSON.parse(text));
    return data?.day === dayText(day.dayMs) && data.platform === day.platform ? data : undefined;
  } catch {
    return undefined;
  }
}

/** Whether two manifests say the same, whoever wrote them, and when. */
export function saysTheSame(a: Manifest, b: Manifest): boolean {
  const neutral = (manifest: Manifest) => manifestText({ ...manifest, written_at: '', by: '' });
  return neutral(a) === neutral(b);
}

function sortedGaps(gaps: readonly ManifestGap[]): ManifestGap[] {
  const byText = new Map(gaps.map((gap) => [JSON.stringify(gap), gap]));
  return [...byText]
    .toSorted(
      ([textA, a], [textB, b]) =>
        compareTexts(a.channel, b.channel) ||
        compareTexts(a.timestamp, b.timestamp) ||
        compareTexts(textA, textB),
    )
    .map(([, gap]) => gap);
}

function linesOf(values: readonly object[]): string {
  return values.length === 0 ? '[]' : `[\n${values.map((value) => JSON.stringify(value)).join(',\n')}\n]`;
}

/** By UTF-16 code units, as keys (which are ASCII) are listed. */
function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
