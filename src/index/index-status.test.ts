import { expect, test } from 'vitest';
import { type IndexStatus, indexHealth, lagSeconds } from './index-status.ts';

const NOW = 1_000_000_000;
const FOLLOWING: IndexStatus = {
  database: 'PGlite in data/index',
  state: 'following',
  caughtUpMs: NOW - 1_500,
  waitingFiles: 0,
  refusedFiles: 0,
  lines: 12,
  inserted: 10,
  rejected: 0,
  archive: { scanning: false, segments: 3, loaded: 1, failed: 0, scannedMs: NOW, error: undefined },
  trouble: undefined,
};

test('an index that follows is well, also while the storage cannot be looked through', () => {
  expect(indexHealth(FOLLOWING, NOW)).toEqual({
    ok: true,
    detail: '10 rows loaded into PGlite in data/index',
  });
  const archive = { ...FOLLOWING.archive, failed: 2, error: 'no bucket' };
  expect(indexHealth({ ...FOLLOWING, archive }, NOW)).toEqual({
    ok: true,
    detail: expect.stringMatching(/2 objects in storage cannot be indexed; .* no bucket$/),
  });
  expect(lagSeconds(FOLLOWING, NOW)).toBe(1.5);
});

test('an index without its database, or that has not looked for minutes, is not well', () => {
  const trouble = { error: 'refused', sinceMs: NOW - 61_000 };
  expect(indexHealth({ ...FOLLOWING, state: 'waiting', trouble }, NOW)).toEqual({
    ok: false,
    detail: 'for 61 s: refused; recording goes on, the index catches up',
  });
  expect(indexHealth({ ...FOLLOWING, caughtUpMs: NOW - 300_000 }, NOW)).toMatchObject({ ok: false });
});

test('an index that catches up, or begins, is well', () => {
  const behind = { ...FOLLOWING, state: 'catching_up', waitingFiles: 7, caughtUpMs: NOW - 300_000 } as const;
  expect(indexHealth(behind, NOW)).toEqual({
    ok: true,
    detail: 'catching up: 7 files to go, 10 rows loaded',
  });
  expect(indexHealth({ ...FOLLOWING, state: 'starting', caughtUpMs: undefined }, NOW).ok).toBe(true);
  expect(lagSeconds({ ...FOLLOWING, caughtUpMs: undefined }, NOW)).toBeUndefined();
});
