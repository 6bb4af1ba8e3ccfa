/** What each stage of the write path costs for one message, in one process and on one core. */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventChannel } from '../src/channel/event-channel.ts';
import { RecentIdentities } from '../src/channel/recent-identities.ts';
import { LineSplitter } from '../src/connectors/irc/line-splitter.ts';
import { rebuildTwitchLine } from '../src/connectors/twitch/rebuild-twitch-line.ts';
import { parseAnyTwitchLine, parseTwitchLine } from '../src/connectors/twitch/twitch-line.ts';
import { corpusLines } from '../test/support/corpus.ts';
import { median, printTable } from './lib/report.ts';

const ROUNDS = 7;
const REPEATS = 8;

export async function stages(): Promise<void> {
  const lines = corpusLines();
  const now = Date.now();
  const bytes = Buffer.from(lines.map((line) => `${line}\r\n`).join(''));
  const captured = lines.map((line) => parseTwitchLine(line, now));
  const texts = captured.map(({ event }) => `${JSON.stringify(event)}\n`);
  const rows = [
    row('split bytes into lines, check and decode UTF-8', () => split(bytes)),
    row('line to event, one pass (and proof that it can be rebuilt)', () => {
      for (const line of lines) parseTwitchLine(line, now);
    }),
    row('  the same by the general parser', () => {
      for (const line of lines) parseAnyTwitchLine(line, now);
    }),
    row('  event back to line', () => {
      for (const { event } of captured) rebuildTwitchLine(event);
    }),
    row('channel: recognise duplicates, count, hand over', () => {
      const channel = new EventChannel({ events: 1e9, bytes: 1e12 }, new RecentIdentities(262_144));
      const sink = channel.sink('twitch');
      for (const event of captured) sink.push(event);
      channel.take();
    }),
    row('event to JSON', () => {
      for (const { event } of captured) JSON.stringify(event);
    }),
    row('gather lines into one buffer', () => {
      let pending = '';
      for (const text of texts) pending += text;
      Buffer.from(pending);
    }),
    await commitRow(texts),
  ];
  printTable(
    `Processor time for each message (${lines.length} real lines, medians of ${ROUNDS})`,
    ['stage', 'us/message', 'messages/s'],
    rows,
  );
}

/** In chunks as a socket delivers them. */
function split(bytes: Buffer): void {
  const splitter = new LineSplitter({ line() {}, bytes() {} });
  for (let start = 0; start < bytes.length; start += 65_536)
    splitter.push(bytes.subarray(start, start + 65_536));
}

function row(name: string, work: () => void): string[] {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    for (let repeat = 0; repeat < REPEATS; repeat++) work();
    times.push(cpuMicroseconds(before) / (REPEATS * corpusLines().length));
  }
  return figures(name, median(times));
}

async function commitRow(texts: string[]): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'chatlog-bench-'));
  try {
    const file = await open(join(directory, 'segment'), 'w');
    const buffer = Buffer.from(texts.join(''));
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const before = process.cpuUsage();
      for (let repeat = 0; repeat < REPEATS; repeat++) {
        await file.write(buffer);
        await file.datasync();
      }
      times.push(cpuMicroseconds(before) / (REPEATS * texts.length));
    }
    await file.close();
    return figures(`append and fdatasync, ${texts.length} lines a commit`, median(times));
  } finally {
    await rm(directory, { recursive: true });
  }
}

function figures(name: string, microseconds: number): string[] {
  return [name, microseconds.toFixed(2), Math.round(1e6 / microseconds).toLocaleString('en-US')];
}

function cpuMicroseconds(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
