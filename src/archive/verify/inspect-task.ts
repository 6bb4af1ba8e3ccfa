/** One object inspected in a thread of its own; its bytes come piece by piece, as fast as they are taken. */
import { once } from 'node:events';
import type { MessagePort } from 'node:worker_threads';
import { ChatlogError } from '../../lib/errors.ts';
import type { Task } from '../scan/tasks.ts';
import { type Inspection, type InspectRules, inspectObject } from './inspect-object.ts';

export interface InspectInput {
  rules: InspectRules;
  /** Each message to the thread is a piece, `null` after the last one; each one from it asks for the next. */
  port: MessagePort;
}

export type Piece = Uint8Array | null;

export const inspect: Task<InspectInput, Inspection> = async ({ rules, port }) => {
  try {
    return { value: await inspectObject(piecesOf(port), rules) };
  } finally {
    port.close();
  }
};

async function* piecesOf(port: MessagePort): AsyncGenerator<Uint8Array> {
  const closed = once(port, 'close').then(() => {
    throw new ChatlogError('stopped', 'nobody waits for this object any more');
  });
  closed.catch(() => {});
  for (;;) {
    const next = once(port, 'message');
    port.postMessage('next');
    const [piece] = (await Promise.race([next, closed])) as [Piece];
    if (piece === null) return;
    yield piece;
  }
}
