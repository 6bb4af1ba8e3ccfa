/** `GET /api/live`: lines as they are recorded. */

import { resolveTime } from '../../lib/parse-time.ts';
import type { ApiApp, ApiContext } from '../api-context.ts';
import { ApiError } from '../api-error.ts';
import { liveEvents } from '../live/live-events.ts';
import { liveFilter, liveQuery } from '../live/live-filter.ts';
import { sendStream } from '../send-stream.ts';

export function registerLiveRoute(app: ApiApp, context: ApiContext): void {
  app.get(
    '/api/live',
    {
      config: { scope: 'read', isEndless: true },
      schema: {
        tags: ['live'],
        summary: 'Lines as they are recorded',
        description: DESCRIPTION,
        querystring: liveQuery,
      },
    },
    (request, reply) => {
      const { live } = context;
      if (!live)
        throw new ApiError(409, 'not_recording', 'this process does not record', {
          hint: 'Ask the one that does.',
        });
      if (live.feed.status().clients >= context.config().http.live_clients_max)
        throw new ApiError(503, 'too_many_clients', 'as many as may be look on already', {
          hint: 'http.live_clients_max is their number.',
          retryAfterSeconds: 10,
        });
      const { since } = request.query;
      const lastEventId = request.headers['last-event-id'];
      const chunks = liveEvents(
        live,
        {
          ...liveFilter(request.query),
          sinceMs: since && resolveTime(since, context.now()),
          lastEventId: typeof lastEventId === 'string' ? lastEventId : undefined,
        },
        context.privacy,
        request.signal,
      );
      reply
        .type('text/event-stream; charset=utf-8')
        .header('cache-control', 'no-store')
        // Proxies that gather answers would hold it back.
        .header('x-accel-buffering', 'no');
      return sendStream(reply, chunks);
    },
  );
}

const DESCRIPTION = `Server-sent events without end (\`new EventSource(url)\`): the data of each is a line exactly as it is recorded.
A line is shown when the recorder takes it, up to \`recorder.flush_interval_seconds\` before it is safe on the disk.

Who comes back with \`Last-Event-ID\` goes on behind that line: without a hole and without a repetition where that was within two minutes or so, else from the recorder's local files, where lines of the same millisecond may come again.
\`since\` begins with what was received since then and is still on the recorder's disk; at most the latest 10,000 lines.

A client that reads too slowly misses lines and is told how many by an event \`dropped\` in their place: \`{"lines":1204}\`. Comments come every 15 seconds where nothing is said.`;
