/** Archives for the tests of compaction, and what has to hold of them whatever happened. */
import { mkdir, rm } from 'node:fs/promises';
import {
  type CompactOptions,
  type CompactReport,
  compactArchive,
} from '../../src/archive/compact/compact-archive.ts';
import type { CompactTools } from '../../src/archive/compact/compact-tools.ts';
import { WorkerPool } from '../../src/archive/scan/worker-pool.ts';
import { EVERYTHING } from '../../src/archive/selection.ts';
import { collectBytes } from '../../src/storage/collect-bytes.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { storedSegment } from '../../src/storage/read-segment.ts';
import { isDayObject } from '../../src/storage/segment-span.ts';
import { decompress } from './read-archive.ts';
import { tempDir } from './temp-dir.ts';

const never = new AbortController().signal;

export interface CompactRun extends Partial<CompactOptions> {
  tools?: Partial<CompactTools>;
}

/** Compacts all of it, quickly. */
export async function compactAll(
  store: ObjectStore,
  { tools = {}, ...options }: CompactRun = {},
): Promise<CompactReport> {
  await using pool = new WorkerPool({ size: 1 });
  await using directory = await tempDir('compact');
  const scratch = directory.join('scratch');
  await mkdir(scratch);
  try {
    return await compactArchive(
      {
        ...{ selection: EVERYTHING, endedBeforeMs: Number.POSITIVE_INFINITY },
        ...{ parquet: false, keepSources: false, dryRun: false },
        ...options,
      },
      { store, pool, scratch, level: 3, decisions: async () => [], signal: never, ...tools },
    );
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

export interface StoredLines {
  key: string;
  isDay: boolean;
  lines: string[];
}

/** Every segment with its lines. */
export async function storedSegments(store: ObjectStore): Promise<StoredLines[]> {
  const found: StoredLines[] = [];
  for await (const { key, bytes } of store.list('', never)) {
    const segment = storedSegment(key, bytes);
    if (!segment) continue;
    const text = decompress(key, await collectBytes(store.get(key, never))).toString('utf8');
    found.push({ key, isDay: isDayObject(segment), lines: text.split('\n').slice(0, -1) });
  }
  return found;
}
