/** Bodies of logs in each of their formats, chunk by chunk: as many events as come together become one chunk. */
import { originalLine } from '../../connectors/original-line.ts';
import type { ChatEvent } from '../../event.ts';
import type { LogFormat } from './log-parameters.ts';
import { type PeerMessage, peerMessage, peerTextLine } from './peer-message.ts';

const LINE_END = Buffer.from('\r\n');

export const LOG_CONTENT_TYPES: Record<LogFormat, string> = {
  raw: 'text/plain; charset=utf-8',
  text: 'text/plain; charset=utf-8',
  ndjson: 'application/x-ndjson',
  json: 'application/json; charset=utf-8',
  jsonBasic: 'application/json; charset=utf-8',
};

/** Never an empty chunk. */
export async function* encodeLog(
  batches: AsyncIterable<readonly ChatEvent[]>,
  format: LogFormat,
): AsyncGenerator<Buffer> {
  const isJson = format === 'json' || format === 'jsonBasic';
  if (!isJson) {
    for await (const events of batches) {
      const chunk = encodeLines(events, format);
      if (chunk.length > 0) yield chunk;
    }
    return;
  }
  let head = '{"messages":[';
  for await (const events of batches) {
    if (events.length === 0) continue;
    yield Buffer.from(head + events.map((event) => JSON.stringify(messageOf(event, format))).join(','));
    head = ',';
  }
  yield Buffer.from(head === ',' ? ']}' : `${head}]}`);
}

function encodeLines(events: readonly ChatEvent[], format: LogFormat): Buffer {
  switch (format) {
    case 'raw':
      return Buffer.concat(events.flatMap(rawLine));
    case 'ndjson':
      return Buffer.from(events.map((event) => `${JSON.stringify(peerMessage(event))}\r\n`).join(''));
    default:
      return Buffer.from(events.map((event) => `${peerTextLine(event)}\r\n`).join(''));
  }
}

function rawLine(event: ChatEvent): Buffer[] {
  const line = originalLine(event);
  return line.length === 0 ? [] : [Buffer.from(line), LINE_END];
}

function messageOf(event: ChatEvent, format: LogFormat): Partial<PeerMessage> {
  const message = peerMessage(event);
  if (format === 'json') return message;
  const { username: _u, channel: _c, raw: _r, type: _t, ...basic } = message;
  return basic;
}
