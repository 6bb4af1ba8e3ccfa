/** A client of the live feed: collects what comes. */
import { type ServerSentEvent, serverSentEvents } from '../../src/cli/server-sent-events.ts';
import type { ChatEvent } from '../../src/event.ts';

export interface LiveClient extends AsyncDisposable {
  readonly events: ServerSentEvent[];
  /** The data of the events that are lines, as they came. */
  lines(): string[];
  messages(): string[];
}

/** Resolves when the feed is open. */
export async function liveClient(url: string, query = '', lastEventId?: string): Promise<LiveClient> {
  const stop = new AbortController();
  const response = await fetch(`${url}/api/live${query}`, {
    headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
    signal: stop.signal,
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  const events: ServerSentEvent[] = [];
  const reading = (async () => {
    for await (const event of serverSentEvents(response.body!)) events.push(event);
  })().catch(() => {});
  const lines = () => events.filter(({ name }) => name === 'message').map(({ data }) => data);
  return {
    events,
    lines,
    messages: () => lines().map((line) => (JSON.parse(line) as ChatEvent).message),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await reading;
    },
  };
}
