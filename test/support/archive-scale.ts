/**
 * How large the archives of the commands' tests are. `npm run test:archive` runs the same tests over 3,000 objects; the
 * suite has a fifth of that.
 */
const HOUR_MS = 3_600_000;

/** At least so many objects. */
export const OBJECTS = Number(process.env.CHATLOG_TEST_OBJECTS ?? 600);

/** For `indexLines`: of these lines and half of them again by a second recorder, by channel and hour, there are as many. */
export const ARCHIVE_SCALE = {
  lines: Math.ceil((OBJECTS * 26) / 3),
  spanMs: Math.ceil(OBJECTS / 6) * HOUR_MS,
};
