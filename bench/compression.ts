/**
 * Bytes a message takes in storage: the corpus as this program records it, compressed by the uploader's own code, beside
 * the bare IRC lines under the same compressors.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { parseTwitchLine } from '../src/connectors/twitch/twitch-line.ts';
import { openSpool } from '../src/spool.ts';
import { compressSegment } from '../src/uploading/compress-segment.ts';
import { corpusLines } from '../test/support/corpus.ts';
import { median, printTable } from './lib/report.ts';

const FILE = 'twitch_xqcow_20190915_0000.jsonl';
const ROUNDS = 5;
const ORIGIN = { instance: '', formatVersion: 1 };
const never = new AbortController().signal;

const SETTINGS: [name: string, compression: 'gzip' | 'zstd', level: number | undefined][] = [
  ['gzip (level 6, as configured by `gzip`)', 'gzip', undefined],
  ['zstd (the default)', 'zstd', undefined],
  ['zstd level 3', 'zstd', 3],
  ['zstd level 19', 'zstd', 19],
];

export async function compression(): Promise<void> {
  // Received 20 to 220 ms after it was sent, as over a real line: this time costs bytes too.
  const recorded = corpusLines().map((line, number) => {
    const sentMs = Number(/tmi-sent-ts=(\d+)/.exec(line)![1]);
    return `${JSON.stringify(parseTwitchLine(line, sentMs + 20 + ((number * 7919) % 200)).event)}\n`;
  });
  const text = recorded.join('');
  const rows = [['none', perMessage(Buffer.byteLength(text)), '', '']];
  for (const [name, method, level] of SETTINGS) {
    const times: number[] = [];
    let bytes = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const measured = await compressOnce(text, method, level);
      times.push(measured.ms);
      bytes = measured.bytes;
    }
    const raw = rawBytes(method, level);
    const speed = Buffer.byteLength(text) / 2 ** 20 / (median(times) / 1000);
    rows.push([name, perMessage(bytes), perMessage(raw), speed.toFixed(0)]);
  }
  printTable(
    `Bytes per message stored: ${corpusLines().length} real messages (medians of ${ROUNDS}; writing, syncing and reading back included)`,
    ['compression', 'recorded lines', 'bare IRC lines', 'MiB/s'],
    rows,
  );
}

function perMessage(bytes: number): string {
  return (bytes / corpusLines().length).toFixed(1);
}

async function compressOnce(text: string, method: 'gzip' | 'zstd', level: number | undefined) {
  const directory = await mkdtemp(join(tmpdir(), 'chatlog-bench-'));
  try {
    const spool = await openSpool(directory);
    await writeFile(spool.path('sealed', FILE), text);
    const startedMs = performance.now();
    const { description } = await compressSegment(
      spool,
      FILE,
      { compression: method, level, origin: ORIGIN },
      never,
    );
    return { ms: performance.now() - startedMs, bytes: description.objectBytes };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function rawBytes(method: 'gzip' | 'zstd', level: number | undefined): number {
  const lines = Buffer.from(
    corpusLines()
      .map((line) => `${line}\r\n`)
      .join(''),
  );
  if (method === 'gzip') return gzipSync(lines, { level: level ?? 6 }).length;
  return zstdCompressSync(lines, { params: { [constants.ZSTD_c_compressionLevel]: level ?? 12 } }).length;
}
