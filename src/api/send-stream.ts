/** Answers of any length. */
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';

const BUFFERED_BYTES = 64 * 1024;

/**
 * As fast as the client takes it. The first chunk is made before the answer begins, so that what is wrong with the question
 * is an error; what goes wrong later breaks the connection off: nobody must take a part for the whole.
 */
export async function sendStream(reply: FastifyReply, chunks: AsyncGenerator<Buffer>): Promise<FastifyReply> {
  const first = await chunks.next();
  if (reply.request.method === 'HEAD') {
    // Else everything would be made to be thrown away.
    await chunks.return(undefined);
    return reply.send('');
  }
  const whole = resumed(first, chunks);
  return reply.send(Readable.from(whole, { objectMode: false, highWaterMark: BUFFERED_BYTES }));
}

async function* resumed(
  first: IteratorResult<Buffer, void>,
  rest: AsyncGenerator<Buffer>,
): AsyncGenerator<Buffer> {
  if (first.done) return;
  yield first.value;
  yield* rest;
}
