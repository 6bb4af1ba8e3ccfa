/** A log as an answer: streamed, in the format asked for. */
import type { FastifyReply } from 'fastify';
import type { LogLine } from '../../archive-query/read-log.ts';
import type { ChatEvent } from '../../event.ts';
import { sendStream } from '../send-stream.ts';
import { encodeLog, LOG_CONTENT_TYPES } from './log-body.ts';
import type { LogFormat, LogParameters } from './log-parameters.ts';
import { peerType } from './peer-message.ts';

export async function sendLog(
  reply: FastifyReply,
  lines: AsyncGenerator<LogLine[]>,
  parameters: LogParameters,
): Promise<FastifyReply> {
  const body = encodeLog(page(events(lines), parameters), parameters.format);
  return sendStream(reply.type(LOG_CONTENT_TYPES[parameters.format]), body);
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
