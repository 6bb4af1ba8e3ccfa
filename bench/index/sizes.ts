import pg from 'pg';
import { printTable, thousands } from '../lib/report.ts';

/** Bytes of every table and index, for each message. */
export async function printSizes(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const messages = Number((await client.query('SELECT count(*) AS n FROM messages')).rows[0].n);
  // Partitions count for `messages`, and their indexes for the index that they are a part of.
  const { rows } = await client.query<{ name: string; kind: string; bytes: string }>(`
    WITH RECURSIVE root AS (
      SELECT c.oid, c.oid AS top FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'i', 'I')
         AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid)
      UNION ALL
      SELECT i.inhrelid, root.top FROM pg_inherits i JOIN root ON i.inhparent = root.oid)
    SELECT t.relname AS name, CASE WHEN t.relkind IN ('i', 'I') THEN 'index' ELSE 'table' END AS kind,
           sum(pg_table_size(root.oid)) AS bytes
      FROM root JOIN pg_class t ON t.oid = root.top GROUP BY 1, 2 ORDER BY 3 DESC`);
  const total = Number(
    (await client.query('SELECT pg_database_size(current_database()) AS bytes')).rows[0].bytes,
  );
  await client.end();
  const shown = rows.filter(({ bytes }) => Number(bytes) / messages >= 0.1);
  printTable(
    `Bytes for each of ${thousands(messages)} rows of messages`,
    ['', '', 'bytes'],
    [
      ...shown.map(({ name, kind, bytes }) => [name, kind, (Number(bytes) / messages).toFixed(1)]),
      ['the whole database', '', (total / messages).toFixed(1)],
    ],
  );
}
