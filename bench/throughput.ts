/** Messages a second from socket to fdatasync, with everything on one core but the server that sends them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { floodConfig, startFlood, startMeasured } from './lib/measured-run.ts';
import { median, printTable, thousands } from './lib/report.ts';

const MESSAGES = 400_000;
const ROUNDS = 3;
const CHANNELS = 10;

export async function throughput(): Promise<void> {
  const rows: string[][] = [];
  for (const tls of [false, true]) {
    const perSecond: number[] = [];
    const cpuMicroseconds: number[] = [];
    const rss: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const result = await flood(tls);
      perSecond.push(result.perSecond);
      cpuMicroseconds.push(result.cpuMicroseconds);
      rss.push(result.rssBytes / 2 ** 20);
    }
    rows.push([
      tls ? 'TLS' : 'plain TCP',
      thousands(median(perSecond)),
      median(cpuMicroseconds).toFixed(1),
      median(rss).toFixed(0),
    ]);
  }
  printTable(
    `Socket to fdatasync: ${thousands(MESSAGES)} messages on ${CHANNELS} channels, recorder on one core, medians of ${ROUNDS}`,
    ['connection', 'messages/s', 'CPU us/message', 'RSS MiB at the end'],
    rows,
  );
}

async function flood(
  tls: boolean,
): Promise<{ perSecond: number; cpuMicroseconds: number; rssBytes: number }> {
  await using server = await startFlood({ tls, perSecond: 0, total: MESSAGES, cpus: '1' });
  await using run = await startMeasured({
    cpus: '0',
    config: { twitch: floodConfig(server, CHANNELS), archive: { directory: 'archive' } },
  });
  await server.joined(CHANNELS);
  const cpuBefore = run.cpuSeconds();
  const startedMs = performance.now();
  server.go();
  while ((await run.status()).recorder.recorded < MESSAGES) await sleep(50);
  const seconds = (performance.now() - startedMs) / 1000;
  return {
    perSecond: MESSAGES / seconds,
    cpuMicroseconds: ((run.cpuSeconds() - cpuBefore) / MESSAGES) * 1e6,
    rssBytes: run.rssBytes(),
  };
}
