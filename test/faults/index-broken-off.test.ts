/** The indexer broken off at every statement it makes, on every database: in the end the index is what it must be. */
import { writeFile } from 'node:fs/promises';
import { zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { Indexer } from '../../src/index/indexer.ts';
import { OPEN_GATE } from '../../src/privacy/privacy-gate.ts';
import { openSpool } from '../../src/spool.ts';
import { createDirectoryObjectStore } from '../../src/storage/directory-object-store.ts';
import { brokenDatabase } from '../support/broken-database.ts';
import { DATABASES, openDatabase } from '../support/databases.ts';
import { indexContents } from '../support/index-contents.ts';
import { indexModel } from '../support/index-model.ts';
import { bytesOf, CHAT_START_MS, indexedChat, putBare, segmentNamed } from '../support/indexed-chat.ts';
import { silentLog } from '../support/recorder-fixture.ts';
import { tempDir } from '../support/temp-dir.ts';

const never = new AbortController().signal;
const config = configSchema.parse({ index: { batch_lines: 60 } });
const STATEMENTS_MAX = 400;

describe.each(DATABASES)('%s', (kind) => {
  test.each(['before', 'after'] as const)('broken off %s each statement took effect', async (when) => {
    await using directory = await tempDir('broken');
    await using real = await openDatabase(kind);
    const archive = directory.join('archive');
    const store = await createDirectoryObjectStore(archive);
    const spool = await openSpool(directory.join('data'));
    const open = indexedChat({ channel: 'open', lines: 90 });
    const sealed = indexedChat({ channel: 'sealed', lines: 70 });
    const stored = indexedChat({ channel: 'stored', lines: 70 });
    // The end of one segment is the beginning of another: as two recorders have it, or a backfill.
    const other = [...sealed.slice(40), ...indexedChat({ channel: 'sealed', lines: 30, seed: 'other ' })];
    await writeFile(spool.path('open', segmentNamed('open')), bytesOf(open));
    await writeFile(spool.path('sealed', segmentNamed('sealed')), bytesOf(sealed));
    await putBare(archive, segmentNamed('stored'), bytesOf(stored));
    const otherName = segmentNamed('sealed', CHAT_START_MS, '-2', 'zstd');
    await putBare(archive, otherName, zstdCompressSync(bytesOf(other)));

    let breakAt = 0;
    let isComplete = false;
    while (!isComplete && ++breakAt < STATEMENTS_MAX) {
      const broken = brokenDatabase(real, breakAt, when);
      const indexer = new Indexer({
        ...{ config: () => config, spool, store, database: broken.database, log: silentLog, now: Date.now },
        privacy: OPEN_GATE,
      });
      const outcome = await indexer.indexOnce({}, never).catch((error: unknown) => error);
      if (broken.isBroken) expect(outcome).toMatchObject({ code: 'database_unavailable' });
      isComplete = !broken.isBroken;
    }
    expect(breakAt).toBeGreaterThan(10);
    expect(breakAt).toBeLessThan(STATEMENTS_MAX);
    expect(await indexContents(real)).toEqual(indexModel([open, sealed, stored, other]));
  });
});
