/** A log as an answer: streamed, in the format asked for. */
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { LogLine } from '../../archive-query/read-log.ts';
import type { ChatEvent } from '../../event.ts';
import { encodeLog, LOG_CONTENT_TYPES } from './log-body.ts';
import type { LogFormat, LogParameters } from './log-parameters.ts';
import { peerType } from './peer-message.ts';

/**
 * Reads the first lines before it answers, so that what goes wrong with the question is an error and no torn answer. What
 * goes wrong later breaks the connection off: a client must not take half a log for a whole one.
 */
export async function sendLog(
  reply: FastifyReply,
  lines: AsyncGenerator<LogLine[]>,
  parameters: LogParameters,
): Promise<FastifyReply> {
  const body = encodeLog(page(events(lines), parameters), parameters.format);
  const first = await body.next();
  const chunks = rest(first, body);
  return reply
    .type(LOG_CONTENT_TYPES[parameters.format])
    .send(Readable.from(chunks, { objectMode: false, highWaterMark: 64 * 1024 }));
}

/** An answer of the lines given. */
export async function sendEvents(
  reply: FastifyReply,
  events: readonly ChatEvent[],
  format: LogFormat,
): Promise<FastifyReply> {
  const chunks: Buffer[] = [];
  for await (const chunk of encodeLog(once(events), format)) chunks.push(chunk);
  return reply.type(LOG_CONTENT_TYPES[format]).send(Buffer.concat(chunks));
}

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}

async function* rest(
  first: IteratorResult<Buffer, void>,
  body: AsyncGenerator<Buffer>,
): AsyncGenerator<Buffer> {
  if (first.done) return;
  yield first.value;
  yield* body;
}

/** What is part of a log. */
async function* events(batches: AsyncIterable<LogLine[]>): AsyncGenerator<ChatEvent[]> {
  for await (const batch of batches)
    yield batch.map((line) => line.event()).filter((event) => peerType(event) !== undefined);
}

/** Without the first `offset`, and no more than `limit`. */
async function* page(
  batches: AsyncIterable<ChatEvent[]>,
  { offset, limit = Number.POSITIVE_INFINITY }: LogParameters,
): AsyncGenerator<ChatEvent[]> {
  let passed = 0;
  const end = offset + limit;
  if (limit === 0) return;
  for await (const batch of batches) {
    const wanted = batch.slice(Math.max(0, offset - passed), end - passed);
    passed += batch.length;
    if (wanted.length > 0) yield wanted;
    if (passed >= end) return;
  }
}
