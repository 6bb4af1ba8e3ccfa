/** A recorder over a real directory, with a clock that can be turned and a disk that can be made to fail. */
import type { FileHandle } from 'node:fs/promises';
import { readdir, readFile } from 'node:fs/promises';
import { EventChannel } from '../../src/channel/event-channel.ts';
import { RecentIdentities } from '../../src/channel/recent-identities.ts';
import { configSchema } from '../../src/config/schema.ts';
import type { EventSink } from '../../src/connectors/connector.ts';
import type { CapturedEvent, ChatEvent } from '../../src/event.ts';
import type { Logger } from '../../src/lib/logger.ts';
import { formatTimestamp } from '../../src/lib/timestamp.ts';
import type { PrivacyGate } from '../../src/privacy/privacy-gate.ts';
import { Recorder } from '../../src/recording/recorder.ts';
import type { RecordingPolicies } from '../../src/recording/recording-policy.ts';
import { recoverSegment } from '../../src/recording/recover-segments.ts';
import { type SegmentFileSystem, systemFileSystem } from '../../src/recording/segment-file-system.ts';
import { openSpool, type Spool, type SpoolDirectory } from '../../src/spool.ts';

/** One operation of the write path that fails; `write` may tear: so many bytes are written before it does. */
export interface Fault {
  operation: 'open' | 'write' | 'datasync' | 'truncate' | 'rename';
  code: string;
  tornBytes?: number;
}

export interface FaultyDisk extends SegmentFileSystem {
  /** Asked at each operation; undefined = it works. */
  next: (operation: Fault['operation']) => Fault | undefined;
  free: number;
}

export function faultyDisk(): FaultyDisk {
  const disk: FaultyDisk = {
    ...systemFileSystem,
    next: () => undefined,
    free: 1e12,
    async open(path, flags) {
      fail(disk.next('open'));
      return faultyHandle(await systemFileSystem.open(path, flags), disk);
    },
    async rename(from, to) {
      fail(disk.next('rename'));
      await systemFileSystem.rename(from, to);
    },
    freeBytes: async () => disk.free,
  };
  return disk;
}

function faultyHandle(handle: FileHandle, disk: FaultyDisk): FileHandle {
  const write = handle.write.bind(handle) as (...args: unknown[]) => Promise<{ bytesWritten: number }>;
  const datasync = handle.datasync.bind(handle);
  const truncate = handle.truncate.bind(handle);
  return Object.assign(handle, {
    async write(buffer: Buffer, offset: number, length: number, position: number) {
      const fault = disk.next('write');
      if (fault?.tornBytes !== undefined)
        await write(buffer, offset, Math.min(length, fault.tornBytes), position);
      fail(fault);
      return write(buffer, offset, length, position);
    },
    async datasync() {
      fail(disk.next('datasync'));
      await datasync();
    },
    async truncate(length: number) {
      fail(disk.next('truncate'));
      await truncate(length);
    },
  });
}

function fail(fault: Fault | undefined): void {
  if (fault) throw Object.assign(new Error(`${fault.operation} refused`), { code: fault.code });
}

export interface RecorderFixture {
  spool: Spool;
  disk: FaultyDisk;
  recorder: Recorder;
  channel: EventChannel;
  sink: EventSink;
  /** Files in the order in which they were sealed. */
  sealed: string[];
  /** Milliseconds that the wall clock is ahead of the real one. */
  shiftClock(ms: number): void;
  /** Drains, seals and waits for recoveries. */
  stop(): Promise<void>;
}

export interface FixtureOptions {
  config?: Partial<ReturnType<typeof configSchema.parse>['recorder']>;
  policies?: Partial<RecordingPolicies>;
  limits?: { events: number; bytes: number };
  privacy?: PrivacyGate;
  onCommand?: (event: ChatEvent) => void;
}

export async function startRecorder(root: string, options: FixtureOptions = {}): Promise<RecorderFixture> {
  const spool = await openSpool(root);
  const disk = faultyDisk();
  const channel = new EventChannel(
    options.limits ?? { events: 10_000, bytes: 1e8 },
    new RecentIdentities(10_000),
  );
  const sealed: string[] = [];
  const recoveries: Promise<void>[] = [];
  let shiftMs = 0;
  const onSealed = (file: string) => void sealed.push(file);
  const recorder = new Recorder({
    channel,
    spool,
    config: { ...configSchema.parse({}).recorder, flush_interval_seconds: 0.01, ...options.config },
    policies: {
      defaults: { samplingRate: 1, presence: false },
      channels: new Map(),
      keep: { users: new Set(), words: [] },
      ...options.policies,
    },
    clock: { now: () => Date.now() + shiftMs, monotonic: () => performance.now() },
    fs: disk,
    log: silentLog,
    privacy: options.privacy,
    onCommand: options.onCommand,
    onSealed,
    onBroken: (file, goodBytes) =>
      recoveries.push(recoverSegment(file, goodBytes, { spool, log: silentLog, onSealed })),
  });
  const abort = new AbortController();
  const running = recorder.run(abort.signal);
  return {
    spool,
    disk,
    recorder,
    channel,
    sink: channel.sink('test'),
    sealed,
    shiftClock: (ms) => {
      shiftMs = ms;
    },
    async stop() {
      abort.abort();
      await running;
      await Promise.all(recoveries);
    },
  };
}

export const silentLog: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};

export function event(
  message: string,
  overrides: Partial<ChatEvent> & { timeMs?: number } = {},
): CapturedEvent {
  const { timeMs = Date.now(), ...members } = overrides;
  const chat: ChatEvent = {
    timestamp: formatTimestamp(timeMs),
    channel: 'x',
    username: 'ann',
    user_id: '1',
    message,
    platform: 'test',
    received_at: formatTimestamp(timeMs),
    ...members,
  };
  return { event: chat, timeMs, identity: members.id ?? '', unsampled: false };
}

/** The lines of all plain segments in some directories of the spool, by file. */
export async function spooledLines(
  spool: Spool,
  ...directories: SpoolDirectory[]
): Promise<Map<string, ChatEvent[]>> {
  const files = new Map<string, ChatEvent[]>();
  for (const directory of directories) {
    for (const file of (await readdir(spool.path(directory))).sort()) {
      const text = await readFile(spool.path(directory, file), 'utf8');
      files.set(
        file,
        text
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line)),
      );
    }
  }
  return files;
}
