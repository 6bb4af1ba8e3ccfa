/**
 * Sources of an import: files and standard input, plain or compressed (told by their first bytes), read once, streaming, as records.
 * A source that is damaged gives what can be read of it, and then a reject that says so.
 */
import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { resolve, sep } from 'node:path';
import { decompress } from '../../lib/decompress.ts';
import { ChatlogError, errorText } from '../../lib/errors.ts';
import { splitLines } from '../../lib/split-lines.ts';
import type { ImportSettings, LogLine, Reading, SourceInfo, SourceReader } from './import-format.ts';
import { type JsonPiece, jsonRecords } from './json-records.ts';

/** The readings of one record, or what could not be read. */
export interface SourceRecord {
  readings: readonly Reading[];
  /** Of its beginning, from 1; 0 where the source has no lines. */
  line: number;
  /** For rejects: the record as it stands in the source. */
  original(): Buffer;
}

const HEAD_BYTES = 64 * 1024;
const HEAD_LINES = 200;
const LINE_BYTES_MAX = 4 * 1024 * 1024;
const STDIN = '-';
const MAGIC_BYTES = 4;
const NO_ORIGINAL = () => Buffer.alloc(0);

export interface Source extends AsyncDisposable {
  info: SourceInfo;
  /** Bytes read of the file so far, as it is stored. */
  readonly bytesRead: number;
  records(reader: SourceReader, signal: AbortSignal): AsyncIterable<SourceRecord>;
}

/**
 * @param path of a file, or `-`
 * Throws the system's error where it cannot be opened or read, `import_format_unknown` where nothing of it decompresses.
 */
export async function openSource(path: string, settings: ImportSettings): Promise<Source> {
  const progress = { bytes: 0 };
  const stream = path === STDIN ? process.stdin : createReadStream(path);
  const stored = counted(stream, progress);
  let first = await nextOf(stored);
  for (let more = first; first.length < MAGIC_BYTES && more.length > 0; first = Buffer.concat([first, more]))
    more = await nextOf(stored);
  const magic = first.subarray(0, MAGIC_BYTES).toString('hex');
  const isGzip = magic.startsWith('1f8b');
  const isZstd = magic === '28b52ffd';
  const all = joined([first], stored);
  const plain = isGzip || isZstd ? decompress(all, isGzip ? 'gzip' : 'zstd') : all;
  const head: Buffer[] = [];
  let problem: unknown;
  for (let bytes = 0; bytes < HEAD_BYTES; ) {
    const chunk = await nextOf(plain).catch((error: unknown) => {
      problem = error;
      return Buffer.alloc(0);
    });
    if (chunk.length === 0) break;
    head.push(chunk);
    bytes += chunk.length;
  }
  if (problem !== undefined && head.length === 0)
    throw new ChatlogError('import_format_unknown', `cannot be decompressed: ${errorText(problem)}`, {
      cause: problem,
    });
  const isFile = path !== STDIN && !isGzip && !isZstd;
  const info = describe(path, Buffer.concat(head), settings, isFile ? resolve(path) : undefined);
  const bytes = joined(head, plain, problem);
  return {
    info,
    get bytesRead() {
      return progress.bytes;
    },
    records: (reader, signal) => records(reader, bytes, signal),
    [Symbol.asyncDispose]: async () => {
      await bytes.return(undefined);
      stream.destroy();
    },
  };
}

function describe(path: string, bytes: Buffer, settings: ImportSettings, file?: string): SourceInfo {
  const head = withoutMark(bytes.subarray(0, HEAD_BYTES));
  const isWhole = bytes.length < HEAD_BYTES;
  const lines = head.toString('utf8').split(/\r?\n/);
  if (!isWhole) lines.pop();
  const parts =
    path === STDIN
      ? []
      : resolve(path)
          .split(sep)
          .filter((part) => part !== '');
  if (parts.length > 0) parts.push(parts.pop()!.replace(/\.(?:gz|zst)$/i, ''));
  const said = lines.filter((line) => line.trim() !== '').slice(0, HEAD_LINES);
  return { path: path === STDIN ? 'standard input' : path, parts, file, head, lines: said, settings };
}

async function* records(
  reader: SourceReader,
  bytes: AsyncGenerator<Buffer>,
  signal: AbortSignal,
): AsyncGenerator<SourceRecord> {
  let line = 0;
  try {
    switch (reader.kind) {
      case 'lines':
        for await (const each of splitLines(bytes, LINE_BYTES_MAX)) {
          signal.throwIfAborted();
          line++;
          const raw = withoutEnd(line === 1 ? withoutMark(each) : each);
          yield { readings: exact(reader.read(logLine(raw)), raw), line, original: () => raw };
        }
        return;
      case 'json':
        for await (const piece of jsonRecords(bytes, reader.records)) {
          signal.throwIfAborted();
          if ('line' in piece) line = piece.line;
          const record = readPiece(reader, piece);
          if (record) yield record;
        }
        return;
      case 'file':
        for await (const readings of reader.read(signal)) {
          yield { readings, line: 0, original: NO_ORIGINAL };
        }
        return;
    }
  } catch (error) {
    signal.throwIfAborted();
    const reject = `the file cannot be read to its end: ${errorText(error)}`;
    yield { readings: [{ reject }], line, original: NO_ORIGINAL };
  }
}

function readPiece(reader: SourceReader & { kind: 'json' }, piece: JsonPiece): SourceRecord | undefined {
  if ('member' in piece) {
    if (reader.members.includes(piece.member)) reader.member(piece.member, parsed(piece.value)?.value);
    return undefined;
  }
  if ('damaged' in piece)
    return { readings: [{ reject: piece.damaged }], line: piece.line, original: () => piece.text };
  const value = parsed(piece.element);
  const readings = value ? reader.read(value.value) : [{ reject: 'no JSON' }];
  return { readings, line: piece.line, original: () => piece.element };
}

function parsed(bytes: Buffer): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(bytes.toString('utf8')) };
  } catch {
    return undefined;
  }
}

const WINDOWS_1252 = new TextDecoder('windows-1252');

function logLine(bytes: Buffer): LogLine {
  return isUtf8(bytes) ? { text: bytes.toString('utf8') } : { text: WINDOWS_1252.decode(bytes), bytes };
}

/** Of a line that is not UTF-8, what was read is a guess: the exact bytes go along. */
function exact(readings: readonly Reading[], bytes: Buffer): readonly Reading[] {
  if (isUtf8(bytes)) return readings;
  return readings.map((reading) => {
    if ('reject' in reading || reading.kept !== undefined || reading.event.raw_base64 !== undefined)
      return reading;
    const raw = reading.event.raw ?? WINDOWS_1252.decode(bytes);
    return { ...reading, event: { ...reading.event, raw, raw_base64: bytes.toString('base64') } };
  });
}

function withoutEnd(line: Buffer): Buffer {
  return line.at(-1) === 0x0d ? line.subarray(0, -1) : line;
}

/** U+FEFF at the beginning of a file says that it is UTF-8. */
function withoutMark(bytes: Buffer): Buffer {
  return bytes.subarray(0, 3).toString('hex') === 'efbbbf' ? bytes.subarray(3) : bytes;
}

async function* counted(stream: AsyncIterable<Buffer>, progress: { bytes: number }): AsyncGenerator<Buffer> {
  for await (const chunk of stream) {
    progress.bytes += chunk.length;
    yield chunk;
  }
}

async function* joined(
  head: Buffer[],
  rest: AsyncGenerator<Buffer>,
  problem?: unknown,
): AsyncGenerator<Buffer> {
  yield* head;
  if (problem !== undefined) throw problem;
  yield* rest;
}

async function nextOf(chunks: AsyncGenerator<Buffer>): Promise<Buffer> {
  const { value, done } = await chunks.next();
  return done ? Buffer.alloc(0) : value;
}
