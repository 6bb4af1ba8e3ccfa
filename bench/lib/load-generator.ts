/** Clients that ask one after the other, each on a connection of its own, and how long the answers took. */
import { Agent, request } from 'node:http';

export interface Latencies {
  /** Milliseconds. */
  p50: number;
  p95: number;
  p99: number;
  perSecond: number;
  /** Answers by status other than 200. */
  failures: Map<number, number>;
}

/** Every client asks `paths` in an order of its own, until `requests` answers came in all. */
export async function measureRoute(
  origin: string,
  paths: readonly string[],
  { clients, requests }: { clients: number; requests: number },
): Promise<Latencies> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const times: number[] = [];
  const failures = new Map<number, number>();
  let asked = 0;
  const startedMs = performance.now();
  const client = async () => {
    while (asked < requests) {
      const path = paths[asked++ % paths.length]!;
      const beganMs = performance.now();
      const status = await get(new URL(path, origin), agent);
      times.push(performance.now() - beganMs);
      if (status !== 200) failures.set(status, (failures.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  const seconds = (performance.now() - startedMs) / 1000;
  agent.destroy();
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))]!;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), perSecond: times.length / seconds, failures };
}

function get(url: URL, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const asking = request(url, { agent }, (response) => {
      response.on('error', reject);
      response.on('end', () => resolve(response.statusCode ?? 0));
      response.resume();
    });
    asking.on('error', reject);
    asking.end();
  });
}
