/**
 * What it costs to run: resident memory, processor and start time of the shipped bundle, with the Docker image's
 * settings of the allocator.
 */
import { createHash } from 'node:crypto';
import { link, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { zstdCompressSync } from 'node:zlib';
import { floodConfig, type MeasuredRun, startFlood, startMeasured } from './lib/measured-run.ts';
import { mebibytes, median, printTable, thousands } from './lib/report.ts';

const IDLE_SECONDS = 10;
const LOAD_SECONDS = Number(process.env.BENCH_SECONDS ?? 60);
const STARTS = 5;

export async function memory(): Promise<void> {
  const rows = [
    await idle('idle, archive in a directory', {}),
    await idle('idle, archive in S3, nothing uploaded yet', {
      s3: { bucket: 'none', endpoint: 'http://127.0.0.1:9', access_key_id: 'k', secret_access_key: 's' },
    }),
    await load('100 channels, 100 messages/s in all', 100, 100),
    await load('100 channels, 1,000 messages/s in all', 100, 1_000),
    await load('1,000 channels, 2,000 messages/s in all', 1_000, 2_000),
    await backlog(),
  ];
  printTable(
    `Resident memory and processor (load for ${LOAD_SECONDS} s over TLS, recorder on one core)`,
    ['situation', 'RSS MiB at the end', 'peak', 'CPU %', 'ready after ms'],
    rows,
  );
}

async function idle(name: string, extra: Record<string, unknown>): Promise<string[]> {
  const readyMs: number[] = [];
  for (let start = 1; start < STARTS; start++) {
    await using run = await startMeasured({ config: { ...extra } });
    readyMs.push(run.readyMs);
  }
  await using run = await startMeasured({ config: { ...extra, twitch: { channels: [] } } });
  readyMs.push(run.readyMs);
  const seen = await watch(run, IDLE_SECONDS);
  return [
    name,
    mebibytes(seen.last),
    mebibytes(seen.peak),
    seen.cpuPercent.toFixed(1),
    median(readyMs).toFixed(0),
  ];
}

async function load(name: string, channels: number, perSecond: number): Promise<string[]> {
  await using server = await startFlood({
    tls: true,
    perSecond,
    total: perSecond * (LOAD_SECONDS + 30),
    cpus: '1',
  });
  await using run = await startMeasured({ cpus: '0', config: { twitch: floodConfig(server, channels) } });
  await server.joined(channels);
  server.go();
  await sleep(5_000);
  const seen = await watch(run, LOAD_SECONDS);
  const { recorded } = (await run.status()).recorder;
  if (recorded < perSecond * LOAD_SECONDS * 0.9) throw new Error(`only ${recorded} messages were recorded`);
  return [
    name,
    mebibytes(seen.last),
    mebibytes(seen.peak),
    seen.cpuPercent.toFixed(1),
    run.readyMs.toFixed(0),
  ];
}

/** 5 GB of compressed segments wait at the start and are uploaded into a directory while it is watched. */
async function backlog(): Promise<string[]> {
  await using run = await startMeasured({ cpus: '0', config: {}, prepare: makeBacklog });
  const seen = await watch(run, LOAD_SECONDS);
  const { uploaded } = (await run.status()).upload;
  return [
    `5 GB waiting (${thousands(uploaded)} files went up meanwhile)`,
    mebibytes(seen.last),
    mebibytes(seen.peak),
    seen.cpuPercent.toFixed(1),
    run.readyMs.toFixed(0),
  ];
}

/** One file under many names: hard links take no room and no time. */
async function makeBacklog(directory: string): Promise<void> {
  const sealed = join(directory, 'data/sealed');
  await mkdir(sealed, { recursive: true });
  const lines: string[] = [];
  for (let number = 0, bytes = 0; bytes < 8 * 2 ** 20; number++) {
    const text = createHash('sha512').update(`${number}`).digest('base64');
    const line = `{"timestamp":"2026-11-01T00:00:00.000Z","channel":"x","username":"a","user_id":"1","message":"${text}${text}","platform":"twitch"}\n`;
    lines.push(line);
    bytes += 88 * 2 * 0.75;
  }
  const segment = zstdCompressSync(lines.join(''));
  const file = (number: number) => join(sealed, `twitch_c${number}_20261101_0000.jsonl.zst`);
  await writeFile(file(0), segment);
  for (let number = 1; number * segment.length < 5e9; number++) await link(file(0), file(number));
}

async function watch(
  run: MeasuredRun,
  seconds: number,
): Promise<{ last: number; peak: number; cpuPercent: number }> {
  const cpuBefore = run.cpuSeconds();
  const startedMs = performance.now();
  let peak = 0;
  while (performance.now() - startedMs < seconds * 1000) {
    peak = Math.max(peak, run.rssBytes());
    await sleep(250);
  }
  const elapsed = (performance.now() - startedMs) / 1000;
  return { last: run.rssBytes(), peak, cpuPercent: ((run.cpuSeconds() - cpuBefore) / elapsed) * 100 };
}
