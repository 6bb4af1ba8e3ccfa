/** The client's side of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
import { splitLines } from '../lib/split-lines.ts';

export interface ServerSentEvent {
  /** Of the last event that had one; '' before. */
  id: string;
  /** `message` where it has no name. */
  name: string;
  data: string;
}

const LINE_BYTES_MAX = 16 * 1024 * 1024;

/** Comments and events without data are passed over. What comes without its empty line at the end was cut off. */
export async function* serverSentEvents(source: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  let id = '';
  let name = 'message';
  let data: string[] = [];
  for await (const bytes of splitLines(source, LINE_BYTES_MAX)) {
    const line = bytes.toString('utf8').replace(/\r$/, '');
    if (line === '') {
      if (data.length > 0) yield { id, name, data: data.join('\n') };
      name = 'message';
      data = [];
      continue;
    }
    const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line)!;
    if (field === 'id') id = value;
    else if (field === 'event') name = value;
    else if (field === 'data') data.push(value);
  }
}
