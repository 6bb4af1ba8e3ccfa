/**
 * `GET /api/export`: lines as they were recorded, as CSV or as text; any number of them. Rows are read by pages, objects
 * hour by hour, as fast as the client takes them.
 */
import { z } from 'zod';
import { type LogLine, readLog } from '../../archive-query/read-log.ts';
import type { EventType } from '../../event.ts';
import { plainText } from '../../index/database-text.ts';
import { ChatlogError, errorText } from '../../lib/errors.ts';
import { resolveTime } from '../../lib/parse-time.ts';
import { encodeName } from '../../segment-name.ts';
import { listSegments } from '../../storage/read-segment.ts';
import type { ApiApp, ApiContext } from '../api-context.ts';
import { invalidParameter, notFound } from '../api-error.ts';
import {
  channelParameter,
  LINE_TYPES,
  platformParameter,
  sinceParameter,
  typesParameter,
  untilParameter,
  userParameter,
} from '../parameters.ts';
import { readIndex } from '../read-index.ts';
import { sendStream } from '../send-stream.ts';
import {
  EXPORT_CONTENT_TYPES,
  EXPORT_EXTENSIONS,
  EXPORT_FORMATS,
  type ExportFormat,
  exportHead,
  exportLines,
} from './export-format.ts';
import { type ExportedChannel, exportedChannels, exportedDays } from './export-plan.ts';

const DAY_MS = 86_400_000;

const querystring = z.object({
  format: z
    .enum(EXPORT_FORMATS)
    .default('jsonl')
    .meta({
      description:
        '`jsonl`: the lines of the archive byte for byte. `csv`: with a head line; a cell that a spreadsheet would take for a formula begins with an apostrophe. `text`: as people read it.',
      examples: ['jsonl'],
    }),
  channel: channelParameter.optional(),
  platform: platformParameter.optional(),
  user: userParameter.optional(),
  type: typesParameter(
    LINE_TYPES,
    'Only lines of this type, or of several with commas between them; all by default.',
  ).optional(),
  since: sinceParameter.optional(),
  until: untilParameter.optional(),
});

interface Export {
  channels: readonly ExportedChannel[];
  types: readonly EventType[] | undefined;
  fromMs: number;
  toMs: number;
}

export function registerExportRoutes(app: ApiApp, context: ApiContext): void {
  app.get(
    '/api/export',
    {
      config: { scope: 'export' },
      schema: {
        tags: ['export'],
        summary: 'Any number of lines',
        description:
          'Day by day, on each day channel by channel, in order of time; from the archive where the index does not reach. What goes wrong in the middle breaks the connection off.',
        querystring,
      },
    },
    async (request, reply) => {
      const { format, type, since, until, ...filter } = request.query;
      const nowMs = context.now();
      const fromMs = since ? resolveTime(since, nowMs) : 0;
      const toMs = until ? resolveTime(until, nowMs) : nowMs + 1;
      if (toMs < fromMs) throw invalidParameter('until', 'should not be before since');
      const names = {
        channel: filter.channel && plainText(filter.channel),
        platform: filter.platform && plainText(filter.platform),
        user: filter.user && plainText(filter.user),
      };
      const channels = await readIndex(context, request, (session) =>
        exportedChannels(session, context, names),
      );
      if (channels.length === 0)
        throw notFound('such channel', 'GET /api/channels lists those that there are.');
      const types = type === undefined || type === 'all' ? undefined : type;
      const chunks = encoded(exported(context, { channels, types, fromMs, toMs }, request.signal), format);
      reply
        .type(EXPORT_CONTENT_TYPES[format])
        .header(
          'content-disposition',
          `attachment; filename="${fileName(names.channel, { fromMs, toMs }, format)}"`,
        )
        .header('cache-control', 'no-store');
      return sendStream(reply, chunks);
    },
  );
}

async function* exported(
  context: ApiContext,
  { channels, types, fromMs, toMs }: Export,
  signal: AbortSignal,
): AsyncGenerator<LogLine[]> {
  const needsArchive = channels.some(({ boundaryMs }) => boundaryMs > fromMs);
  const archiveStartMs = needsArchive ? await archiveStart(context, signal) : undefined;
  for (const { dayMs, channels: ofDay } of exportedDays(channels, { fromMs, toMs }, archiveStartMs)) {
    for (const { channel, user, boundaryMs } of ofDay) {
      yield* readLog(
        context,
        {
          channel,
          ...(user && { user }),
          ...(types && { types }),
          fromMs: Math.max(fromMs, dayMs),
          toMs: Math.min(toMs, dayMs + DAY_MS),
          reverse: false,
          boundaryMs,
          waits: true,
        },
        signal,
      );
    }
  }
}

/** The day of the first object; undefined where there is none. */
async function archiveStart({ store }: ApiContext, signal: AbortSignal): Promise<number | undefined> {
  try {
    for await (const { startMs } of listSegments(store, {}, signal)) return startMs;
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    throw new ChatlogError('archive_unavailable', `the archive cannot be read: ${errorText(error)}`, {
      retryable: true,
      cause: error,
    });
  }
}

async function* encoded(batches: AsyncIterable<LogLine[]>, format: ExportFormat): AsyncGenerator<Buffer> {
  let head = exportHead(format);
  for await (const batch of batches) {
    yield Buffer.concat([Buffer.from(head), exportLines(batch, format)]);
    head = '';
  }
  if (head !== '') yield Buffer.from(head);
}

/** `chatlog_forsen_20260101_20260201.jsonl`: of characters that every system and header takes. */
function fileName(
  channel: string | undefined,
  range: { fromMs: number; toMs: number },
  format: ExportFormat,
): string {
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10).replaceAll('-', '');
  const name = encodeName((channel ?? 'all').replace(/^#/, '').toLowerCase()).replaceAll('%', '-');
  const from = range.fromMs > 0 ? `_${day(range.fromMs)}` : '';
  return `chatlog_${name}${from}_${day(range.toMs)}.${EXPORT_EXTENSIONS[format]}`;
}
