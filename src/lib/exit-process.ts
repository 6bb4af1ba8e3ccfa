import { setTimeout as sleep } from 'node:timers/promises';

const POOL_REQUEST = /^(FSReq|GetAddrInfoReq|GetNameInfoReq)/;
const LOOK_MS = 20;

/**
 * Ends the process with this code (`process.exitCode` when left out). An orderly exit waits for the threads that do
 * file and DNS work, however long they hang (a dead disk, a dead network file system, a resolver that is silent): they
 * get `patienceMs`, then the process kills itself. What has to come out of it (the log) is to be flushed before.
 */
export async function exitProcess(code: number | undefined, patienceMs: number): Promise<never> {
  const deadlineMs = performance.now() + patienceMs;
  while (isWaitingForThreads() && performance.now() < deadlineMs) await sleep(LOOK_MS);
  if (isWaitingForThreads()) process.kill(process.pid, 'SIGKILL');
  process.exit(code);
}

function isWaitingForThreads(): boolean {
  return process.getActiveResourcesInfo().some((resource) => POOL_REQUEST.test(resource));
}
