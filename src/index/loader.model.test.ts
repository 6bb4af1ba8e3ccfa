import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATABASES, openDatabase, type TestDatabase } from '../../test/support/databases.ts';
import { indexContents } from '../../test/support/index-contents.ts';
import { indexSegments, type Random, seededRandom, shuffled } from '../../test/support/index-lines.ts';
import { indexModel } from '../../test/support/index-model.ts';
import { Died, loaderOn, mortalDatabase, segmentChunks } from '../../test/support/loader-fixture.ts';
import { emptyIndex } from './empty-index.ts';
import type { Loader, SegmentChunk } from './loader.ts';

const NOW = Date.UTC(2026, 9, 5);

/** Loads all segments, a few chunks at a time in any order, going by nothing but what the outcomes say. */
async function loadAll(loader: Loader, segments: SegmentChunk[][], random: Random): Promise<void> {
  const left = segments.map((chunks) => ({ chunks, bytes: 0 }));
  while (left.length > 0) {
    const chosen = shuffled(left, random).slice(0, 1 + random(4));
    const batch = chosen.flatMap(({ chunks, bytes }) => {
      const next = chunks.findIndex(({ fromByte }) => fromByte === bytes);
      return chunks.slice(next, next + 1 + random(2));
    });
    try {
      const { stale } = await loader.load(batch);
      for (const one of chosen) {
        const refused = stale.find(({ name }) => name === one.chunks[0]!.name);
        const last = batch.findLast(({ name }) => name === one.chunks[0]!.name)!;
        one.bytes = refused?.bytes ?? last.toByte;
        if (one.bytes === one.chunks.at(-1)!.toByte) left.splice(left.indexOf(one), 1);
      }
      if (random(4) === 0) await loader.derive();
    } catch (error) {
      if (!(error instanceof Died)) throw error;
    }
  }
}

describe.each(DATABASES)('the loader on %s', (kind) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await openDatabase(kind);
  });
  afterAll(() => database[Symbol.asyncDispose]());

  it.each(kind === 'PostgreSQL 15' ? [1, 2, 3, 4] : [5])(
    'makes what a plain model makes, whatever the order, the cuts, the repetitions and the deaths (seed %i)',
    async (seed) => {
      const random = seededRandom(seed * 7_919);
      const segments = indexSegments({ seed, lines: kind === 'PGlite' ? 350 : 700 });
      const chunked = segments.map((lines, index) => segmentChunks(`${seed}-${index}`, lines, random));
      // Some of it once more, as other segments.
      chunked.push(segmentChunks(`${seed}-again`, segments[0]!, random));
      await emptyIndex(database, NOW);
      const mortal = loaderOn(mortalDatabase(database, random), NOW);
      await Promise.all([
        loadAll(mortal, chunked, random),
        loadAll(loaderOn(database, NOW), chunked, random),
      ]);
      await loaderOn(database, NOW).derive();
      expect(await indexContents(database)).toEqual(indexModel(segments));
    },
  );
});
