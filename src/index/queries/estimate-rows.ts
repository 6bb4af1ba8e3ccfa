/** How many rows a question has, by the planner's statistics: quick whatever the answer, and wrong by some percent. */
import type { CompiledQuery } from 'kysely';
import type { Session } from '../database/database.ts';
import type { Condition } from './page.ts';

/** Of a whole SELECT. Zero is never said: the planner takes at least one row for granted. */
export async function estimateRows(session: Session, select: Condition): Promise<number> {
  const { sql: text, parameters }: CompiledQuery = select.compile(session.sql);
  const { rows } = await session.query(`EXPLAIN (FORMAT JSON) ${text}`, parameters);
  const answer = rows[0]?.['QUERY PLAN'];
  const [plan] = (typeof answer === 'string' ? JSON.parse(answer) : answer) as [
    { Plan: { 'Plan Rows': number } },
  ];
  return plan.Plan['Plan Rows'];
}
