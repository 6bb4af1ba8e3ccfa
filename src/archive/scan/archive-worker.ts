/** The program of the archive's threads (`worker-pool.ts`). */
import { parentPort } from 'node:worker_threads';
import { ChatlogError, errorText } from '../../lib/errors.ts';
import { TASKS, type Task } from './tasks.ts';
import { END, type TaskReply, type TaskRequest } from './worker-pool.ts';

const port = parentPort!;

let isEnding = false;
let underWay = 0;

port.on('message', (message: TaskRequest | typeof END) => {
  if (message === END) {
    isEnding = true;
    endWhenDone();
  } else void answer(message);
});

function endWhenDone(): void {
  if (isEnding && underWay === 0) port.close();
}

async function answer({ id, task, input }: TaskRequest): Promise<void> {
  underWay++;
  try {
    const run = (await TASKS[task]()) as Task<unknown, unknown>;
    const { value, transfer = [] } = await run(input);
    port.postMessage({ id, value } satisfies TaskReply, transfer);
  } catch (error) {
    const code = error instanceof ChatlogError ? error.code : 'worker_failed';
    const hint = error instanceof ChatlogError ? error.hint : undefined;
    const message = error instanceof ChatlogError ? error.message : failureText(error);
    port.postMessage({ id, error: { code, message, hint } } satisfies TaskReply);
  } finally {
    underWay--;
    endWhenDone();
  }
}

/** What is no error of ours is a defect: where it happened is worth knowing. */
function failureText(error: unknown): string {
  return (error instanceof Error && error.stack) || errorText(error);
}
