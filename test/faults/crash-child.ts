/**
 * The process that is killed: the whole service, fed by a connector that makes up numbered messages and prints the
 * number of each as soon as it is recorded. Small files and short intervals, so that sealing, compressing, uploading
 * and deleting go on all the time.
 *
 *     node crash-child.ts CONFIG ROUND MESSAGES
 *
 * Prints `up`, then `ack ROUND-N` a line. MESSAGES 0: records nothing, prints `drained` when the spool is empty.
 */
import { readdirSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../../src/config/load-config.ts';
import type { Connector, ConnectorContext } from '../../src/connectors/connector.ts';
import { createLogger } from '../../src/lib/create-logger.ts';
import { formatTimestamp } from '../../src/lib/timestamp.ts';
import { runService } from '../../src/service.ts';

const [configFile, round, messages] = process.argv.slice(2) as [string, string, string];
const loaded = await loadConfig(configFile, {});
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
const { config } = loaded;
const log = await createLogger({ level: 'info', format: 'json', fd: 2 });
process.exitCode = await runService({
  configFile,
  loaded,
  log,
  version: 'crash',
  createConnectors: async (_, contextFor) => [generator(contextFor('test'))],
});

function say(text: string): void {
  writeSync(1, `${text}\n`);
}

function generator({ sink, coverage }: ConnectorContext): Connector {
  const connector: Connector = {
    platform: 'test',
    setChannels: () => {},
    status: () => ({ platform: 'test', channels: [], connections: [] }),
    async run(signal) {
      say('up');
      const gap = coverage.live('c0', () => Date.now());
      if (gap) coverage.closeGap(gap, 'none', 0);
      try {
        await (messages === '0' ? untilDrained(signal) : generate(signal));
        await sleep(2 ** 31 - 1, undefined, { signal });
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    },
  };

  async function generate(signal: AbortSignal): Promise<void> {
    let number = 0;
    while (number < Number(messages)) {
      const first = number;
      for (const end = number + 1 + Math.floor(Math.random() * 20); number < end; number++) push(number);
      await sink.recorded(signal);
      for (let acked = first; acked < number; acked++) say(`ack ${round}-${acked}`);
      if (sink.full) await sink.drained(signal);
    }
  }

  /** Three channels, this hour and the last: several files at once. */
  function push(number: number): void {
    const timeMs = Date.now() - (number % 7 === 0 ? 3_600_000 : 0);
    const event = {
      timestamp: formatTimestamp(timeMs),
      channel: `c${number % 3}`,
      username: 'ann',
      user_id: '1',
      message: `${round}-${number}`,
      platform: 'test',
      id: `${round}-${number}`,
      received_at: formatTimestamp(Date.now()),
    };
    sink.push({ event, timeMs, identity: event.id, unsampled: false });
  }
  return connector;
}

async function untilDrained(signal: AbortSignal): Promise<void> {
  const count = (directory: string) => readdirSync(`${config.data_dir}/${directory}`).length;
  while (count('recovered') + count('sealed') > 0) await sleep(20, undefined, { signal });
  say('drained');
}
