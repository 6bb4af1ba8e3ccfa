import { readdir } from 'node:fs/promises';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { createDirectoryObjectStore } from '../../src/storage/directory-object-store.ts';
import { createUploader } from '../../src/uploading/uploader.ts';
import { eventsOf, readArchive } from '../support/read-archive.ts';
import { event, silentLog, startRecorder } from '../support/recorder-fixture.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait-for.ts';
import { HOSTILE_NAMES } from './names.ts';

it('records channels of any name and puts each into the archive, and nothing beside it', async () => {
  await using dir = await tempDir('names');
  const { spool, sink, stop } = await startRecorder(dir.join('inside/data'));
  const random = fc.sample(fc.string({ unit: 'binary', maxLength: 100 }), { numRuns: 100 });
  const channels = [...new Set([...HOSTILE_NAMES, ...random].map((name) => name.toWellFormed()))];
  for (const channel of channels) sink.push(event(`in ${channel}`, { channel }));
  await stop();

  const uploader = createUploader({
    spool,
    store: await createDirectoryObjectStore(dir.join('inside/archive')),
    config: configSchema.parse({ recorder: { min_free_bytes: 0 } }),
    log: silentLog,
    now: Date.now,
    mayDelete: () => true,
  });
  const stopping = new AbortController();
  const running = uploader.run(stopping.signal);
  await waitFor('everything is uploaded', async () => (await readdir(spool.path('sealed'))).length === 0, {
    timeoutMs: 60_000,
  });
  stopping.abort();
  await running;

  const archived = eventsOf(await readArchive(dir.join('inside/archive'))).map(({ channel }) => channel);
  expect(archived.sort()).toEqual([...channels].sort());
  expect(await readdir(spool.path('quarantine'))).toEqual([]);
  expect(await readdir(dir.path)).toEqual(['inside']);
  expect((await readdir(dir.join('inside'))).sort()).toEqual(['archive', 'data']);
}, 120_000);
