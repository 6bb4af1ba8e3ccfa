/** A loader as tests use it: of every retention, with nobody having asked for anything. */
import { type Config, configSchema } from '../../src/config/schema.ts';
import type { Database, Session } from '../../src/index/database/database.ts';
import { Loader, type SegmentChunk } from '../../src/index/loader.ts';
import { OPEN_GATE } from '../../src/privacy/privacy-gate.ts';
import type { Random } from './index-lines.ts';
import { silentLog } from './recorder-fixture.ts';

/** With retention for ever, so that lines of any day are taken. */
export function indexConfig(changes: object = {}): Config {
  return configSchema.parse({ defaults: { retention_days: 'forever' }, ...changes });
}

export function loaderOn(database: Database, nowMs: number, config: Config = indexConfig()): Loader {
  return new Loader({ database, config: () => config, privacy: OPEN_GATE, log: silentLog, now: () => nowMs });
}

/** A whole segment as one chunk of the archive. */
export function segmentChunk(name: string, lines: readonly (string | Buffer)[]): SegmentChunk {
  const buffers = lines.map((line) => Buffer.from(line));
  const toByte = buffers.reduce((bytes, line) => bytes + line.length + 1, 0);
  return {
    source: 'archive',
    name,
    platform: 'twitch',
    channel: 'x',
    startMs: 0,
    fromByte: 0,
    toByte,
    lines: buffers,
  };
}

/** A segment in chunks of up to `linesMax` whole lines, cut anywhere. */
export function segmentChunks(
  name: string,
  lines: readonly string[],
  random: Random,
  linesMax = 60,
): SegmentChunk[] {
  const chunks: SegmentChunk[] = [];
  for (let from = 0, fromByte = 0; from < lines.length; ) {
    const before = lines.slice(0, from).map((line) => Buffer.from(line));
    const chunk = segmentChunk(name, lines.slice(from, from + 1 + random(linesMax)));
    chunks.push({ ...chunk, fromByte, toByte: fromByte + chunk.toByte, before });
    from += chunk.lines.length;
    fromByte += chunk.toByte;
  }
  return chunks;
}

export class Died extends Error {}

/** Transactions of it fail now and then: before any of their statements, or after they were committed. */
export function mortalDatabase(database: Database, random: Random): Database {
  return {
    ...database,
    async transaction(work, options) {
      let left = random(3) === 0 ? random(40) : Number.POSITIVE_INFINITY;
      const live = <A extends unknown[], R>(action: (...parameters: A) => Promise<R>) => {
        return async (...parameters: A): Promise<R> => {
          if (left-- <= 0) throw new Died();
          return action(...parameters);
        };
      };
      const result = await database.transaction((session: Session) => {
        const { query, exec, copyIn } = session;
        return work({
          sql: session.sql,
          query: live(query.bind(session)),
          exec: live(exec.bind(session)),
          copyIn: live(copyIn.bind(session)),
        });
      }, options);
      if (left < Number.POSITIVE_INFINITY) throw new Died();
      return result;
    },
  };
}
