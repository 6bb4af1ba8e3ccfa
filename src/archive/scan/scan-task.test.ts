import { MessageChannel } from 'node:worker_threads';
import { expect, it, vi } from 'vitest';
import { lineAt } from './line-batch.ts';
import type { FromScan, ToScan } from './scan-port.ts';
import { scan } from './scan-task.ts';
import { SpillFile } from './spill-file.ts';

vi.mock('./thread-gate.ts', async () => {
  const { OPEN_GATE } = await import('../../privacy/privacy-gate.ts');
  return { threadGate: async () => OPEN_GATE };
});

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 10, 20);

it('holds less of each segment that waits in a file the more of them there are', async () => {
  const written = vi.spyOn(SpillFile.prototype, 'write');
  const objects = Array.from({ length: 50 }, (_, channel) =>
    Array.from({ length: 300 }, (_, index) =>
      JSON.stringify({
        timestamp: new Date(START_MS + index * 50 + channel).toISOString(),
        channel: `c${channel}`,
        message: 'x'.repeat(100),
        platform: 'irc-a',
      }),
    ),
  );
  const { port1: ours, port2: port } = new MessageChannel();
  const lines: string[] = [];
  const ended = new Promise<void>((resolve) => {
    const say = (message: ToScan) => ours.postMessage(message);
    ours.on('message', (message: FromScan) => {
      if (message.kind === 'end') return resolve();
      if (message.kind === 'want') {
        const bytes = new TextEncoder().encode(objects[message.segment]!.map((line) => `${line}\n`).join(''));
        return say({ kind: 'whole', bytes, linesBytes: bytes.length });
      }
      for (const index of message.batch.times.keys()) lines.push(lineAt(message.batch, index).toString());
      say({ kind: 'more' });
    });
  });
  const segments = objects.map((_, channel) => ({
    ...{ key: `c${channel}.jsonl`, platform: 'irc-a', channel: `c${channel}` },
    span: { fromMs: START_MS, toMs: START_MS + HOUR_MS },
  }));
  const heldBytes = 500_000;
  const request = { fromMs: undefined, toMs: undefined, users: [] };
  await scan({ segments, request, isSorted: false, heldBytes, port });
  await ended;
  ours.close();
  expect(lines).toEqual(objects.flat().sort());
  const runs = written.mock.results.map(({ value }) => value as ReturnType<SpillFile['write']>);
  const held = runs.reduce((sum, [first]) => sum + (first?.bytes ?? 0), 0);
  expect(runs.length).toBeGreaterThan(20);
  expect(held).toBeLessThanOrEqual(heldBytes);
});
