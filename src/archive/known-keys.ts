/** What lies in an archive, by its key. */
import { objectKey, parseSegmentFile } from '../segment-name.ts';
import { isDaySourcesKey } from '../storage/day-sources.ts';
import { type StoredSegment, storedSegment } from '../storage/read-segment.ts';
import { type PlatformDay, parseManifestKey } from './manifest/manifest-key.ts';

export type KeyKind =
  | { kind: 'segment'; segment: StoredSegment }
  | { kind: 'manifest'; day: PlatformDay; generation: number }
  /** A segment's name elsewhere than where it is looked for. */
  | { kind: 'misplaced'; ownKey: string }
  /** Chatlog's, but nothing that is verified. */
  | { kind: 'known' }
  | { kind: 'foreign' };

/** Decisions about people, test objects, what pipelines exported, what `compact` made for engines, a directory's metadata. */
const KNOWN_PREFIXES = ['chatlog-decisions/', 'chatlog-check/', 'exports/', 'parquet/', '.chatlog/'];

/** @param exportPrefixes where pipelines are configured to export to */
export function keyClassifier(exportPrefixes: readonly string[]): (key: string, bytes: number) => KeyKind {
  const known = [...KNOWN_PREFIXES, ...exportPrefixes];
  return (key, bytes) => {
    const segment = storedSegment(key, bytes);
    if (segment) return { kind: 'segment', segment };
    const manifest = parseManifestKey(key);
    if (manifest) {
      const { generation, ...day } = manifest;
      return { kind: 'manifest', day, generation };
    }
    if (isDaySourcesKey(key) || known.some((prefix) => key.startsWith(prefix))) return { kind: 'known' };
    const file = key.slice(key.lastIndexOf('/') + 1);
    return parseSegmentFile(file) ? { kind: 'misplaced', ownKey: objectKey(file)! } : { kind: 'foreign' };
  };
}
