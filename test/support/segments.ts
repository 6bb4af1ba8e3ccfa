/** Segment files for the tests of storage and upload. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { zstdCompressSync } from 'node:zlib';
import type { Logger } from '../../src/lib/logger.ts';
import type { ObjectBody } from '../../src/storage/object-store.ts';

/** Lines as the recorder writes them, `count` of them, different for each `seed`. */
export function sampleLines(count: number, seed = 'a'): Buffer {
  const startMs = Date.UTC(2026, 10, 21, 13);
  const lines = Array.from({ length: count }, (_, index) => {
    const id = createHash('md5').update(`${seed}${index}`).digest('hex');
    const timestamp = new Date(startMs + index * 7).toISOString();
    return `{"timestamp":"${timestamp}","channel":"xqc","username":"u${index % 97}","user_id":"${index}","message":"${id} Kappa ☃","platform":"twitch","id":"${id}"}\n`;
  });
  return Buffer.from(lines.join(''));
}

/** Writes an object's file (zstd of the lines, or bytes as they are) and describes it truly. */
export async function writeObjectBody(path: string, lines: Buffer, plain = false): Promise<ObjectBody> {
  const bytes = plain ? lines : zstdCompressSync(lines);
  await writeFile(path, bytes);
  const texts = lines.toString('utf8').trimEnd().split('\n');
  const timestamps = texts.map((line) => (JSON.parse(line) as { timestamp: string }).timestamp).sort();
  return {
    path,
    description: {
      linesSha256: sha256(lines),
      objectSha256: sha256(bytes),
      objectBytes: bytes.length,
      linesBytes: lines.length,
      lines: texts.length,
      firstTimestamp: timestamps[0]!,
      lastTimestamp: timestamps.at(-1)!,
      formatVersion: 1,
      instance: 'test',
    },
  };
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export interface LogLine {
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
  fields: Record<string, unknown>;
}

/** A logger that keeps what it is told. */
export function memoryLogger(): Logger & { lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: LogLine['level']) => (fields: object, message: string) => {
    lines.push({ level, message, fields: { ...fields } });
  };
  const logger = { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const whole: Logger & { lines: LogLine[] } = { ...logger, child: () => whole };
  return whole;
}
