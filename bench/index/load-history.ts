import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import pg from 'pg';
import { loadConfig } from '../../src/config/load-config.ts';
import { migrate } from '../../src/index/database/migrate.ts';
import { createPostgresDatabase } from '../../src/index/database/postgres-database.ts';
import { Loader, type SegmentChunk } from '../../src/index/loader.ts';
import { OPEN_GATE } from '../../src/privacy/privacy-gate.ts';
import { silentLog } from '../../test/support/recorder-fixture.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { chatHistory, type HistoryOptions, type HistorySegment } from '../lib/chat-history.ts';
import { thousands } from '../lib/report.ts';

/** As `index.batch_lines` by default. */
const BATCH_LINES = 5_000;
/** Batches between two rounds of deriving sessions: the indexer does it every few seconds. */
const DERIVE_EVERY = 20;
const PROGRESS_MS = 15_000;

/**
 * Loads a history into an empty database the way the indexer does, derives what is derived, and lets PostgreSQL tidy up.
 * `seconds` is the time of all but the tidying. With `ready` the lines are made before; else making them counts, too.
 */
export async function loadHistory(
  url: string,
  history: HistoryOptions,
  { ready, progress }: { ready: boolean; progress: (line: string) => void },
): Promise<{ seconds: number; rows: number }> {
  await using database = createPostgresDatabase({ url, poolMax: 4, log: silentLog });
  await migrate(database);
  const config = await forever();
  const loader = new Loader({
    database,
    config: () => config,
    privacy: OPEN_GATE,
    log: silentLog,
    now: Date.now,
  });
  const segments = ready ? [...chatHistory(history)] : chatHistory(history);
  const beganMs = performance.now();
  const elapsed = () => (performance.now() - beganMs) / 1000;
  let rows = 0;
  let batch: SegmentChunk[] = [];
  let waiting = 0;
  let batches = 0;
  let toldMs = beganMs;
  // As the indexer does: the next lines are read while the database works on those before.
  let inFlight: Promise<void> = Promise.resolve();
  const flush = async () => {
    const before = inFlight;
    inFlight = loader.load(batch).then(({ inserted }) => {
      rows += inserted;
    });
    batch = [];
    waiting = 0;
    await before;
    if (++batches % DERIVE_EVERY === 0) await loader.derive();
    if (performance.now() - toldMs < PROGRESS_MS) return;
    toldMs = performance.now();
    progress(`  ${thousands(rows)} rows, ${thousands(rows / elapsed())}/s`);
  };
  for (const segment of segments) {
    batch.push(chunk(segment));
    waiting += segment.lines.length;
    if (waiting >= BATCH_LINES) await flush();
  }
  await flush();
  await inFlight;
  await loader.derive();
  const seconds = elapsed();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('VACUUM ANALYZE');
  await client.end();
  return { seconds, rows };
}

function chunk({ channel, startMs, lines }: HistorySegment): SegmentChunk {
  const bytes = lines.reduce((sum, line) => sum + line.length + 1, 0);
  const stamp = new Date(startMs).toISOString();
  const name = `twitch_${channel}_${stamp.slice(0, 10).replaceAll('-', '')}_${stamp.slice(11, 13)}00.jsonl`;
  const hash = createHash('sha256');
  for (const line of lines) hash.update(line).update('\n');
  return {
    source: 'archive',
    name,
    platform: 'twitch',
    channel,
    startMs,
    fromByte: 0,
    toByte: bytes,
    lines,
    end: { linesSha256: hash.digest('hex') },
  };
}

/** The history is of the past: nothing of it may be too old. */
async function forever() {
  await using directory = await tempDir('bench-config');
  const file = directory.join('config.yaml');
  await writeFile(file, 'defaults: {retention_days: forever}\n');
  const loaded = await loadConfig(file, {});
  if (!loaded.ok) throw new Error('the configuration of the benchmark is wrong');
  return loaded.config;
}
