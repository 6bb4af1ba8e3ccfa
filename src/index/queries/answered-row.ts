/** A message's row with everything that the API says of it: the line, and who removed it. */
import { STORED_COLUMNS, STORED_JOINS, type StoredRow } from '../stored-row.ts';

export interface AnsweredRow extends StoredRow {
  removed_type: number | null;
  removed_by: string | null;
  removed_reason: string | null;
}

export const ANSWERED_COLUMNS = `${STORED_COLUMNS}, ma.type AS removed_type, ma.moderator AS removed_by, ma.reason AS removed_reason`;
/** An action's time is the time of the removal. */
export const ANSWERED_JOINS = `${STORED_JOINS} LEFT JOIN mod_actions ma ON ma.key = m.deleted_by AND ma.ts = m.deleted_at`;
