/** What happens to the process in each round of the crash loop: pure decisions, drawn anew for each round. */

/** How a round is meant to end. */
export type Ending =
  /** SIGKILL so long after the process was started. */
  | { kind: 'kill-from-start'; afterMs: number }
  /** SIGKILL so long after it began to record. */
  | { kind: 'kill'; afterMs: number }
  /** By the injected SIGKILL; by ours where that has not come for so long. */
  | { kind: 'injected-kill'; overdueMs: number }
  /** SIGTERM so long after it began to record. */
  | { kind: 'stop'; afterMs: number };

export interface Plan {
  /** Under this name the round is counted. */
  name: string;
  /** For strace's `-e inject=`. */
  inject: string[];
  ending: Ending;
}

/**
 * System calls of the write path, and from which range N is drawn: each comes that often within a second on one of
 * the process's threads, since strace counts for each thread. Node itself opens, reads and closes some files while it
 * starts, on the main thread, which never touches the spool: those are passed over.
 */
export const KILLS: Record<string, [min: number, max: number]> = {
  pwrite64: [1, 20],
  fdatasync: [1, 20],
  fsync: [1, 16],
  rename: [1, 10],
  openat: [70, 110],
  close: [70, 110],
  link: [1, 6],
  unlink: [1, 6],
  write: [2, 30],
  utimensat: [1, 3],
};

/** Calls that fail rather than kill, with the errors of a bad and of a full disk. */
const FAILURES: Record<string, [min: number, max: number]> = {
  'fdatasync:error=EIO': [2, 12],
  'pwrite64:error=EIO': [2, 12],
  'pwrite64:error=ENOSPC': [2, 12],
  'fsync:error=EIO': [3, 12],
  'rename:error=EIO': [2, 8],
  'write:error=ENOSPC': [3, 20],
  'link:error=ENOSPC': [1, 4],
  'unlink:error=EIO': [1, 4],
  'openat:error=EMFILE': [70, 100],
};

/** A file that was written badly is cut, and the cut itself is where the process dies. */
const CUT = 'ftruncate after pwrite64:error=ENOSPC';

export function planRound(round: number, random: () => number = Math.random): Plan {
  const kills = [...Object.keys(KILLS), CUT];
  const failures = Object.keys(FAILURES);
  const group = Math.floor(round / 4);
  switch (round % 4) {
    case 0:
      return group % 4 === 3
        ? {
            name: 'kill -9 while starting',
            inject: [],
            ending: { kind: 'kill-from-start', afterMs: random() * 700 },
          }
        : { name: 'kill -9', inject: [], ending: { kind: 'kill', afterMs: random() * 200 } };
    case 1:
      return killAt(kills[(2 * group) % kills.length]!, random);
    case 2:
      return killAt(kills[(2 * group + 1) % kills.length]!, random);
    default:
      return failAt(failures[group % failures.length]!, group % 2 === 0 ? 'kill' : 'stop', random);
  }
}

function killAt(syscall: string, random: () => number): Plan {
  const ending: Ending = { kind: 'injected-kill', overdueMs: 3_000 };
  if (syscall === CUT) {
    const inject = [`pwrite64:error=ENOSPC:when=${draw([1, 12], random)}`, 'ftruncate:signal=SIGKILL:when=1'];
    return { name: CUT, inject, ending };
  }
  const nth = draw(KILLS[syscall]!, random);
  return { name: syscall, inject: [`${syscall}:signal=SIGKILL:when=${nth}`], ending };
}

function failAt(failure: string, kind: 'kill' | 'stop', random: () => number): Plan {
  const nth = draw(FAILURES[failure]!, random);
  return {
    name: `${failure}, then ${kind}`,
    inject: [`${failure}:when=${nth}`],
    ending: { kind, afterMs: 300 + random() * 200 },
  };
}

function draw([min, max]: [number, number], random: () => number): number {
  return min + Math.floor(random() * (max - min + 1));
}
