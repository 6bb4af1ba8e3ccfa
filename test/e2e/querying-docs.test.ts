/** The blocks of docs/querying.md that are marked `run`, in a directory with an archive. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { StatefulFormat } from '../../src/archive/formats/format.ts';
import { FORMATS } from '../../src/archive/formats/formats.ts';
import type { ChatEvent } from '../../src/event.ts';
import { createDirectoryObjectStore } from '../../src/storage/directory-object-store.ts';
import { modelLines } from '../support/archive-model.ts';
import { archiveLines } from '../support/archive-objects.ts';
import { lineBatch } from '../support/line-batch.ts';
import { BIN, NODE } from '../support/run-command.ts';
import { sampleLines } from '../support/sql-sample.ts';
import { type TempDir, tempDir } from '../support/temp-dir.ts';

const { first, second } = sampleLines();
const model = modelLines([first, second]);
const events = model.map((line) => JSON.parse(line) as ChatEvent);
const messages = events.filter(({ type }) => type === undefined);
let directory: TempDir;

beforeAll(async () => {
  directory = await tempDir('querying');
  const store = await createDirectoryObjectStore(directory.join('archive'));
  await archiveLines(store, [first, second], (index) => (index % 2 === 0 ? 'zstd' : 'gzip'));
  const parquet = (await FORMATS.parquet()) as StatefulFormat;
  await mkdir(directory.join('archive/parquet/dt=2026-11-20/platform=twitch'), { recursive: true });
  for (const channel of ['xqc', 'forsen']) {
    const lines = model.filter((_, index) => events[index]!.channel === channel);
    const writer = parquet.open({
      title: channel,
      fromMs: undefined,
      toMs: undefined,
      hasManyChannels: false,
    });
    const parts = [await writer.write(lineBatch(lines)), await writer.end()];
    await writeFile(
      directory.join(`archive/parquet/dt=2026-11-20/platform=twitch/${channel}.parquet`),
      Buffer.concat(parts),
    );
  }
  await mkdir(directory.join('bin'));
  await writeFile(directory.join('bin/chatlog'), `#!/bin/sh\nexec "${NODE}" "${BIN}" "$@"\n`, {
    mode: 0o755,
  });
});
afterAll(() => directory[Symbol.asyncDispose]());

async function blocks(language: string): Promise<string[]> {
  const page = await readFile(new URL('../../docs/querying.md', import.meta.url), 'utf8');
  return [...page.matchAll(/^```(\w+) run\n([\s\S]*?)^```$/gm)]
    .filter(([, of]) => of === language)
    .map(([, , code]) => code!);
}

const perChannel = [...Map.groupBy(messages, ({ channel }) => channel)]
  .map(([channel, said]) => ({ channel, messages: String(said.length) }))
  .sort((a, b) => Number(b.messages) - Number(a.messages));

test('what the page says to DuckDB gives each line once, over JSON Lines and over Parquet', async () => {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const answers: unknown[] = [];
  for (const block of await blocks('sql')) {
    const statements = block.replaceAll("'archive/", `'${directory.path}/archive/`);
    const reader = await connection.runAndReadAll(statements);
    answers.push(reader.getRowObjectsJson());
  }
  connection.closeSync();
  expect(answers).toHaveLength(3);
  expect(answers[1]).toEqual(perChannel);
  expect(answers[2]).toMatchObject(perChannel);
});

test('what the page says to shells runs', async () => {
  const outputs: string[] = [];
  for (const block of await blocks('sh')) {
    const shell = spawn('sh', ['-eu', '-c', block], {
      cwd: directory.path,
      env: { ...process.env, PATH: `${directory.join('bin')}:${process.env.PATH}`, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = once(shell, 'close');
    const [stdout, stderr, [code]] = await Promise.all([text(shell.stdout), text(shell.stderr), ended]);
    expect({ code, stderr: stderr.replace(/^\d+ (?:rows|messages|lines).*\n/gm, '') }, block).toMatchObject({
      code: 0,
    });
    outputs.push(stdout);
  }
  const [sql, pipes] = outputs;
  expect(sql).toContain(perChannel.map(({ channel, messages: n }) => `${channel},${n},17`).join('\n'));
  // Of one channel all objects are gzip.
  for (const { type, channel, timestamp } of events)
    if (type === 'ban' && channel === 'xqc') expect(pipes).toContain(`["${timestamp}","xqc","user3"]`);
  expect(pipes!.trim().split('\n').at(-1)!.trim()).toBe(
    String(events.filter(({ channel }) => channel === 'xqc').length),
  );
});
