/** Kysely's query builder on a connection that somebody else opens, closes and holds a transaction on. */
import {
  type CompiledQuery,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely';
import type { Connection, Session } from './database.ts';
import type { Tables } from './tables.ts';

export function kyselySession(connection: Connection): Session {
  const held = {
    async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
      const { rows, rowCount } = await connection.query(sql, parameters);
      return { rows: rows as R[], numAffectedRows: BigInt(rowCount) };
    },
    // biome-ignore lint/correctness/useYield: a result as long as that is read by pages.
    async *streamQuery(): AsyncIterableIterator<never> {
      throw new Error('results are read by pages, not streamed');
    },
  };
  const refuse = async () => {
    throw new Error('the owner of the connection holds the transaction');
  };
  const sql = new Kysely<Tables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
      createDriver: () => ({
        init: async () => {},
        acquireConnection: async () => held,
        beginTransaction: refuse,
        commitTransaction: refuse,
        rollbackTransaction: refuse,
        releaseConnection: async () => {},
        destroy: async () => {},
      }),
    },
  });
  return {
    sql,
    query: (text, parameters) => connection.query(text, parameters),
    exec: (text) => connection.exec(text),
    copyIn: (target, chunks) => connection.copyIn(target, chunks),
  };
}
