/**
 * The advisory lock of everything that adds rows to the index or takes rows from it: `SELECT pg_advisory_xact_lock($1)`
 * first in each such transaction. One at a time, so that moderation applied to messages and messages checked against
 * moderation never miss each other, and nothing comes back while it is being removed.
 */
export const LOAD_LOCK = 24_285_642;
