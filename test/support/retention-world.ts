/**
 * An index with an archive behind it, and a clock that can be turned: what retention works on. Every line is in a real
 * object of a directory store and was loaded by the loader itself.
 */
import { randomUUID } from 'node:crypto';
import { type Config, configSchema } from '../../src/config/schema.ts';
import type { ChatEvent } from '../../src/event.ts';
import type { Database } from '../../src/index/database/database.ts';
import { Loader, type SegmentChunk } from '../../src/index/loader.ts';
import type { MaintenanceTools } from '../../src/index/retention/maintain.ts';
import { OPEN_GATE } from '../../src/privacy/privacy-gate.ts';
import { encodeName, objectKey, segmentFile } from '../../src/segment-name.ts';
import { createDirectoryObjectStore } from '../../src/storage/directory-object-store.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { silentLog } from './recorder-fixture.ts';
import { sha256, writeObjectBody } from './segments.ts';
import { type TempDir, tempDir } from './temp-dir.ts';

const HOUR_MS = 3_600_000;

export interface RetentionWorld extends AsyncDisposable {
  readonly database: Database;
  readonly store: ObjectStore;
  readonly directory: TempDir;
  readonly tools: MaintenanceTools;
  readonly loader: Loader;
  config: Config;
  /** Ms since the epoch, for loader and maintenance alike. */
  nowMs: number;
  /** Replaces the configuration; keys as in YAML. */
  configure(values: object): void;
  /** Puts the events into objects by channel and hour, and loads them. */
  record(events: readonly ChatEvent[], options?: { stored?: boolean }): Promise<void>;
}

export async function retentionWorld(
  database: Database,
  { nowMs, config }: { nowMs: number; config: object },
): Promise<RetentionWorld> {
  const directory = await tempDir('retention');
  const store = await createDirectoryObjectStore(directory.join('archive'));
  const loader = new Loader({
    database,
    config: () => world.config,
    privacy: OPEN_GATE,
    log: silentLog,
    now: () => world.nowMs,
  });
  const world: RetentionWorld = {
    database,
    store,
    directory,
    loader,
    config: configSchema.parse(config),
    nowMs,
    configure: (values) => {
      world.config = configSchema.parse(values);
    },
    record: (events, options) => record(world, events, options),
    tools: {
      database,
      store,
      privacy: OPEN_GATE,
      fetch,
      scratch: directory.join('scratch'),
      instance: '',
      log: silentLog,
      now: () => world.nowMs,
      random: () => 1,
      config: () => world.config,
      derive: (signal) => loader.derive(signal),
    },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
  return world;
}

let serial = 0;

/** A message of a channel at a time; `members` add to it or replace what is there. */
export function chatEvent(channel: string, timeMs: number, members: Partial<ChatEvent> = {}): ChatEvent {
  serial += 1;
  const timestamp = new Date(timeMs).toISOString();
  return {
    timestamp,
    channel,
    username: 'ann',
    user_id: '1',
    message: `message ${serial}`,
    platform: 'twitch',
    display_name: 'Ann',
    badges: [],
    id: `00000000-0000-4000-9000-${serial.toString(16).padStart(12, '0')}`,
    received_at: new Date(timeMs + 80).toISOString(),
    ...members,
  };
}

/** Messages of three hours around noon. */
export function dayOfChat(
  channel: string,
  dayMs: number,
  count: number,
  members: (index: number) => Partial<ChatEvent> = () => ({}),
): ChatEvent[] {
  const stepMs = Math.floor((3 * HOUR_MS) / count);
  return Array.from({ length: count }, (_, index) =>
    chatEvent(channel, dayMs + 11 * HOUR_MS + index * stepMs, {
      username: `user${index % 5}`,
      user_id: String(100 + (index % 5)),
      display_name: `User${index % 5}`,
      ...members(index),
    }),
  );
}

async function record(
  world: RetentionWorld,
  events: readonly ChatEvent[],
  { stored = true }: { stored?: boolean } = {},
): Promise<void> {
  const hours = Map.groupBy(
    events,
    ({ channel, timestamp }) => `${channel} ${Math.floor(Date.parse(timestamp) / HOUR_MS)}`,
  );
  const chunks: SegmentChunk[] = [];
  for (const group of hours.values()) {
    const { platform, channel, timestamp } = group[0]!;
    const startMs = Math.floor(Date.parse(timestamp) / HOUR_MS) * HOUR_MS;
    const suffix = `-${randomUUID().slice(0, 8)}`;
    const name = { platform: encodeName(platform), channel: encodeName(channel), startMs, suffix };
    const file = segmentFile(name, 'zstd');
    const lines = Buffer.from(group.map((event) => `${JSON.stringify(event)}\n`).join(''));
    const key = objectKey(file)!;
    if (stored) {
      const body = await writeObjectBody(world.directory.join(file), lines);
      await world.store.put(key, body, AbortSignal.timeout(10_000));
    }
    chunks.push({
      source: stored ? 'archive' : 'local:0123456789abcdef',
      ...name,
      // A local file's name may be used again: the ledger adds what it begins with.
      name: segmentFile(name, 'none') + (stored ? '' : `#${sha256(lines).slice(0, 16)}`),
      fromByte: 0,
      toByte: lines.length,
      lines: group.map((event) => Buffer.from(JSON.stringify(event))),
      end: { linesSha256: sha256(lines), ...(stored && { objectKey: key }) },
    });
  }
  await world.loader.load(chunks);
  await world.loader.derive();
}
