import { writeFile } from 'node:fs/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { corpusLines } from '../../../../test/support/corpus.ts';
import { lineBatch } from '../../../../test/support/line-batch.ts';
import { oddLine, recordedLine } from '../../../../test/support/odd-lines.ts';
import { tempDir } from '../../../../test/support/temp-dir.ts';
import { parseTwitchLine } from '../../../connectors/twitch/twitch-line.ts';
import type { ChatEvent } from '../../../event.ts';
import type { FormatOptions } from '../format.ts';
import { lineRow, rowLine } from './line-row.ts';
import { PARQUET } from './parquet.ts';
import { ParquetFile } from './parquet-file.ts';
import { parquetRowGroups } from './read-parquet.ts';

const OPTIONS: FormatOptions = { title: 'x', fromMs: undefined, toMs: undefined, hasManyChannels: false };
const NOW = Date.UTC(2026, 10, 21);

async function written(lines: readonly (string | Uint8Array)[]): Promise<Buffer> {
  const table = PARQUET.open(OPTIONS);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < lines.length; at += 1_000)
    parts.push(await table.write(lineBatch(lines.slice(at, at + 1_000), NOW)));
  return Buffer.concat([...parts, await table.end()]);
}

async function read(file: Buffer): Promise<Buffer[]> {
  const bytes = file.buffer.slice(file.byteOffset, file.byteOffset + file.length) as ArrayBuffer;
  const lines: Buffer[] = [];
  for await (const rows of parquetRowGroups(bytes)) lines.push(...rows.map(rowLine));
  return lines;
}

const corpus = () => corpusLines().map((line) => JSON.stringify(parseTwitchLine(line, NOW).event));

it('gives every line of the corpus back byte for byte, in less than a tenth of its size', async () => {
  const lines = corpus();
  const file = await written(lines);
  expect((await read(file)).map(String)).toEqual(lines);
  expect(file.length / lines.join('\n').length).toBeLessThan(0.1);
});

it('needs no copy of a line that Chatlog wrote', () => {
  fc.assert(
    fc.property(recordedLine, (line) => {
      const row = lineRow(Buffer.from(line), NOW);
      expect(row.line).toBeNull();
      expect(rowLine(row).toString()).toBe(line);
    }),
  );
});

it('gives back any line at all', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(oddLine, recordedLine), { minLength: 1, maxLength: 20 }),
      async (lines) => {
        const expected = lines.map((line) => Buffer.from(line as Uint8Array));
        for (const line of expected) expect(rowLine(lineRow(line, NOW))).toEqual(line);
        expect(await read(await written(lines))).toEqual(expected);
      },
    ),
    { numRuns: 200 },
  );
});

it('is a table for DuckDB: times as times, a person found by statistics and filters', async () => {
  await using directory = await tempDir('parquet');
  const path = directory.join('day.parquet');
  const lines = corpus();
  await writeFile(path, await written(lines));
  const duck = await (await DuckDBInstance.create()).connect();
  const rows = async (sql: string) => (await duck.runAndReadAll(sql)).getRowObjectsJson();
  const columns = await rows(`DESCRIBE SELECT * FROM '${path}'`);
  expect(
    Object.fromEntries(columns.map(({ column_name, column_type }) => [column_name, column_type])),
  ).toMatchObject({
    timestamp: 'TIMESTAMP',
    received_at: 'TIMESTAMP',
    message: 'VARCHAR',
    action: 'BOOLEAN',
    duration_seconds: 'DOUBLE',
  });
  const events = lines.map((line) => JSON.parse(line) as ChatEvent);
  const username = events[0]!.username;
  expect(
    await rows(
      `SELECT count(*)::INT AS n, min(timestamp)::VARCHAR AS first FROM '${path}' WHERE username = '${username}'`,
    ),
  ).toEqual([
    {
      n: events.filter((event) => event.username === username).length,
      first: events[0]!.timestamp.replace('T', ' ').slice(0, -1),
    },
  ]);
  expect(await rows(`SELECT count(*)::INT AS n FROM '${path}' WHERE tags->>'color' = '#FFFFFF'`)).toEqual([
    { n: events.filter(({ tags }) => tags?.color === '#FFFFFF').length },
  ]);
  expect(
    await rows(`SELECT count(*)::INT AS n FROM '${path}' WHERE type = 'timeout' AND duration_seconds > 60`),
  ).toEqual([
    {
      n: events.filter(({ type, duration_seconds = 0 }) => type === 'timeout' && duration_seconds > 60)
        .length,
    },
  ]);
  expect(
    await rows(
      `SELECT DISTINCT path_in_schema AS c FROM parquet_metadata('${path}') WHERE bloom_filter_length > 0 ORDER BY 1`,
    ),
  ).toEqual([{ c: 'user_id' }, { c: 'username' }]);
});

it('writes row groups as they become full', () => {
  const file = new ParquetFile([{ name: 'n', type: 'DOUBLE' }]);
  const sizes = Array.from({ length: 40 }, (_, n) => file.add({ n }, 1024 * 1024).length);
  expect(sizes.flatMap((size, index) => (size > 0 ? [index] : []))).toEqual([15, 31]);
  expect(file.end().subarray(-4).toString()).toBe('PAR1');
});

it('is a table also where there are no lines', async () => {
  expect(await read(await written([]))).toEqual([]);
});
