/** A database that writes down the plan of each statement that is asked of it, for tests of plans. */
import type { Connection, Database, Session } from '../../src/index/database/database.ts';
import { kyselySession } from '../../src/index/database/kysely-session.ts';

export interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  Alias?: string;
  Plans?: PlanNode[];
}

export interface Explained {
  sql: string;
  plan: PlanNode;
}

export function explainedDatabase(database: Database, explained: Explained[]): Database {
  const watched = (session: Session): Session => {
    const connection: Connection = {
      async query(sql, parameters) {
        if (/^\s*(?:WITH|SELECT)\b/i.test(sql)) {
          const { rows } = await session.query(`EXPLAIN (FORMAT JSON) ${sql}`, parameters);
          const [{ Plan: plan }] = rows[0]!['QUERY PLAN'] as [{ Plan: PlanNode }];
          explained.push({ sql, plan });
        }
        return session.query(sql, parameters);
      },
      exec: (sql) => session.exec(sql),
      copyIn: (target, chunks) => session.copyIn(target, chunks),
    };
    return kyselySession(connection);
  };
  return {
    ...database,
    read: (work, options) => database.read((session) => work(watched(session)), options),
  };
}

/** The node and everything below it. */
export function planNodes(plan: PlanNode): PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(planNodes)];
}
