/** Recorded events for the tests of what answers with them: into the index, into an archive. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import type { Config } from '../../src/config/schema.ts';
import { parseTwitchLine } from '../../src/connectors/twitch/twitch-line.ts';
import type { ChatEvent } from '../../src/event.ts';
import type { Database } from '../../src/index/database/database.ts';
import { Loader } from '../../src/index/loader.ts';
import { OPEN_GATE, type PrivacyGate } from '../../src/privacy/privacy-gate.ts';
import { encodeName, objectKey, segmentFile } from '../../src/segment-name.ts';
import { silentLog } from './recorder-fixture.ts';

const HOUR_MS = 3_600_000;

/** What the recorder makes of a line that Twitch sends half a second after it was said. */
export function twitchEvent(line: string): ChatEvent {
  const sentMs = Number(/tmi-sent-ts=(\d+)/.exec(line)?.[1] ?? Date.UTC(2019, 8, 15));
  return JSON.parse(JSON.stringify(parseTwitchLine(line, sentMs + 500).event)) as ChatEvent;
}

/** A line so much later, as another event: its id is another. */
export function laterLine(line: string, shiftMs: number): string {
  const tag = (shiftMs >>> 0).toString(16).padStart(8, '0');
  return line
    .replace(/tmi-sent-ts=(\d+)/, (_, ms: string) => `tmi-sent-ts=${Number(ms) + shiftMs}`)
    .replace(/;id=[0-9a-f]{8}-/, `;id=${createHash('md5').update(tag).digest('hex').slice(0, 8)}-`);
}

interface Segment {
  platform: string;
  channel: string;
  startMs: number;
  lines: Buffer[];
}

/** By channel and hour, in the order of the events. */
export function segmentsOf(events: readonly ChatEvent[]): Segment[] {
  const segments = new Map<string, Segment>();
  for (const event of events) {
    const startMs = Math.floor(Date.parse(event.timestamp) / HOUR_MS) * HOUR_MS;
    const name = `${event.platform} ${event.channel} ${startMs}`;
    const segment = segments.get(name) ?? {
      platform: encodeName(event.platform),
      channel: encodeName(event.channel),
      startMs,
      lines: [],
    };
    segment.lines.push(Buffer.from(JSON.stringify(event)));
    segments.set(name, segment);
  }
  return [...segments.values()];
}

export interface LoadOptions {
  config: Config;
  privacy?: PrivacyGate;
  /** Tells apart segments of one name. */
  suffix?: string;
}

export async function loadEvents(
  database: Database,
  events: readonly ChatEvent[],
  { config, privacy = OPEN_GATE, suffix = '' }: LoadOptions,
): Promise<void> {
  const loader = new Loader({ database, config: () => config, privacy, log: silentLog, now: Date.now });
  for (const segment of segmentsOf(events)) {
    const bytes = segment.lines.reduce((sum, line) => sum + line.length + 1, 0);
    const digest = createHash('sha256');
    for (const line of segment.lines) digest.update(line).update('\n');
    await loader.load([
      {
        ...segment,
        source: 'archive',
        name: segmentFile({ ...segment, suffix }, 'none'),
        fromByte: 0,
        toByte: bytes,
        end: { linesSha256: digest.digest('hex') },
      },
    ]);
  }
}

/** Objects of a directory archive. Returns their keys. */
export async function archiveEvents(
  directory: string,
  events: readonly ChatEvent[],
  suffix = '',
): Promise<string[]> {
  const keys: string[] = [];
  for (const segment of segmentsOf(events)) {
    const key = objectKey(segmentFile({ ...segment, suffix }, 'zstd'))!;
    const path = join(directory, key);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, zstdCompressSync(Buffer.concat(segment.lines.flatMap((line) => [line, NEWLINE]))));
    keys.push(key);
  }
  return keys;
}

/** A day object of a directory archive, as `chatlog compact` names it: the lines in order of time. Returns its key. */
export async function archiveDay(
  directory: string,
  channel: string,
  startMs: number,
  events: readonly ChatEvent[],
): Promise<string> {
  const name = { platform: events[0]!.platform, channel: encodeName(channel), startMs, suffix: '-day' };
  const key = objectKey(segmentFile(name, 'zstd'))!;
  const lines = events.toSorted((a, b) => (a.timestamp < b.timestamp ? -1 : 1));
  await mkdir(dirname(join(directory, key)), { recursive: true });
  const text = lines.map((event) => `${JSON.stringify(event)}\n`).join('');
  await writeFile(join(directory, key), zstdCompressSync(text));
  return key;
}

const NEWLINE = Buffer.from('\n');
