/** What PostgreSQL itself needs to take the rows that the loader made: the yardstick of the load rate. */
import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';

export interface CopyFigures {
  /** Rows a second into a table of the same columns without any index. */
  bare: number;
  /** Rows a second into the same partitions with the same indexes. */
  indexed: number;
  /** Microseconds that each index adds to a row, and bytes that it takes for one. */
  indexes: { name: string; microseconds: number; bytes: number }[];
}

/** Takes the rows of `messages` out to `file` and copies them back into tables of their own, which it removes again. */
export async function copyBaseline(url: string, file: string): Promise<CopyFigures> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await pipeline(client.query(copyTo('COPY (SELECT * FROM messages) TO STDOUT')), createWriteStream(file));
    const rows = Number((await client.query('SELECT count(*) AS n FROM messages')).rows[0].n);
    const copied = async (prepare: string) => {
      await client.query(`DROP TABLE IF EXISTS bench_copy; ${prepare}; CHECKPOINT`);
      const beganMs = performance.now();
      await pipeline(
        createReadStream(file, { highWaterMark: 1 << 20 }),
        client.query(copyFrom('COPY bench_copy FROM STDIN')),
      );
      return (performance.now() - beganMs) / 1000;
    };
    const bareSeconds = await copied('CREATE TABLE bench_copy (LIKE messages)');
    const indexedSeconds = await copied(await partitionedCopy(client));
    const indexes = [];
    for (const { name, definition } of await indexDefinitions(client)) {
      const seconds = await copied(`CREATE TABLE bench_copy (LIKE messages); ${definition}`);
      const bytes = Number(
        (await client.query("SELECT pg_indexes_size('bench_copy') AS bytes")).rows[0].bytes,
      );
      indexes.push({ name, microseconds: ((seconds - bareSeconds) / rows) * 1e6, bytes: bytes / rows });
    }
    await client.query('DROP TABLE bench_copy');
    return { bare: rows / bareSeconds, indexed: rows / indexedSeconds, indexes };
  } finally {
    await client.end();
  }
}

/** The same partitions and indexes as `messages` has. */
async function partitionedCopy(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ bounds: string }>(
    `SELECT pg_get_expr(c.relpartbound, c.oid) AS bounds
       FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'messages'::regclass ORDER BY c.relname`,
  );
  const partitions = rows.map(
    ({ bounds }, index) => `CREATE TABLE bench_copy_${index} PARTITION OF bench_copy ${bounds}`,
  );
  return [
    'CREATE TABLE bench_copy (LIKE messages INCLUDING ALL) PARTITION BY RANGE (ts)',
    ...partitions,
  ].join('; ');
}

async function indexDefinitions(client: pg.Client): Promise<{ name: string; definition: string }[]> {
  const { rows } = await client.query<{ name: string; definition: string }>(
    "SELECT indexname AS name, indexdef AS definition FROM pg_indexes WHERE tablename = 'messages' ORDER BY indexname",
  );
  return rows.map(({ name, definition }) => ({
    name,
    definition: definition.replace(/INDEX \S+ ON (ONLY )?\S+/, 'INDEX ON bench_copy'),
  }));
}
