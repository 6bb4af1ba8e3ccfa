/** `/api/segments`: the files of a range, and links to fetch them by. */
import { z } from 'zod';
import type { Session } from '../../index/database/database.ts';
import { plainText } from '../../index/database-text.ts';
import { type SegmentRow, segmentPage } from '../../index/queries/segment-page.ts';
import { decodeName } from '../../segment-name.ts';
import type { ApiApp, ApiContext } from '../api-context.ts';
import { invalidCursor, isTime, packCursor, unpackCursor } from '../cursor.ts';
import {
  booleanParameter,
  channelParameter,
  closedRange,
  cursorParameter,
  limitParameter,
  offsetParameter,
  pageSize,
  platformParameter,
  sinceParameter,
  untilParameter,
} from '../parameters.ts';
import { readIndex } from '../read-index.ts';
import { channelsOf } from '../subjects.ts';

const DAY_MS = 86_400_000;
const LINK_SECONDS = 3_600;

const apiSegment = z.object({
  key: z.string().describe('Of the object, below the store’s prefix.'),
  platform: z.string(),
  channel: z.string(),
  start: z.iso
    .datetime()
    .describe(
      'Minute of the first line written; the file is of this UTC hour or, where the day was compacted (`-day`), of the whole UTC day.',
    ),
  firstLine: z.iso.datetime().nullable(),
  lastLine: z.iso.datetime().nullable(),
  lines: z.number().int(),
  linesBytes: z.number().int().describe('Uncompressed.'),
  objectBytes: z.number().int().nullable(),
  linesSha256: z.string().nullable(),
  instance: z.string().optional(),
  url: z
    .string()
    .optional()
    .describe(`Reads the object without a token, for ${LINK_SECONDS} seconds; for admins only.`),
});

const segmentsAnswer = z.object({
  store: z.string(),
  segments: z.array(apiSegment),
  hasMore: z.boolean(),
  nextCursor: z.string().nullable(),
});

export function registerSegmentRoutes(app: ApiApp, context: ApiContext): void {
  const schema = {
    tags: ['archive'],
    summary: 'What lies in storage for a range, oldest first',
    description:
      'As far as the index has seen it: the last 24 hours, unless `since` and `until` say otherwise. The objects are JSON Lines, compressed as their names say (docs/record-format.md). Links, which need a token of scope `admin`, give them as they were written: also what those said who opted out later. `GET /api/export` leaves that out.',
    querystring: z.object({
      channel: channelParameter.optional(),
      platform: platformParameter.optional(),
      since: sinceParameter.optional(),
      until: untilParameter.optional(),
      links: booleanParameter(
        'Whether to make links, where the store can and the token is an admin’s; they are made when left out.',
      ).default(true),
      limit: limitParameter(100),
      offset: offsetParameter,
      cursor: cursorParameter.optional(),
    }),
    response: { 200: segmentsAnswer },
  };
  app.get('/api/segments', { config: { scope: 'export' }, schema }, async (request, reply) => {
    const { channel, platform, offset, cursor } = request.query;
    // Objects hold what routes withhold.
    const links = request.query.links && request.caller?.scope === 'admin';
    const { http } = context.config();
    const limit = pageSize(request.query.limit, http);
    const range = closedRange(request.query, { nowMs: context.now(), http, defaultMs: DAY_MS });
    const after = cursor === undefined ? undefined : decodeSegment(cursor);
    const rows = await readIndex(context, request, async (session: Session) => {
      const found = await channelsOf(session, context.privacy, channel, platform);
      const channels = found.map((row) => ({ platform: plainText(row.platform), name: plainText(row.name) }));
      return segmentPage(session, { channels, ...range, after, offset, limit });
    });
    const page = rows.slice(0, limit);
    const last = rows.length > limit ? page.at(-1) : undefined;
    // A link is as good as a token for its object: nobody keeps it.
    reply.header('cache-control', 'no-store');
    return {
      store: context.store.name,
      segments: await Promise.all(page.map((row) => toApiSegment(context, row, links))),
      hasMore: last !== undefined,
      nextCursor: last ? packCursor([last.start_ts.getTime(), last.name]) : null,
    };
  });
}

async function toApiSegment(
  { store }: Pick<ApiContext, 'store'>,
  row: SegmentRow,
  links: boolean,
): Promise<z.infer<typeof apiSegment>> {
  return {
    key: row.object_key,
    platform: decodeName(row.platform) ?? row.platform,
    channel: decodeName(row.channel) ?? row.channel,
    start: row.start_ts.toISOString(),
    firstLine: row.first_ts?.toISOString() ?? null,
    lastLine: row.last_ts?.toISOString() ?? null,
    lines: row.lines,
    linesBytes: row.bytes,
    objectBytes: row.object_bytes,
    linesSha256: row.lines_sha256,
    ...(row.instance && { instance: row.instance }),
    ...(links && { url: await store.presign?.(row.object_key, LINK_SECONDS) }),
  };
}

function decodeSegment(cursor: string): { startMs: number; name: string } {
  const [startMs, name] = unpackCursor(cursor);
  if (!isTime(startMs) || typeof name !== 'string' || name.includes('\0')) throw invalidCursor();
  return { startMs, name: name.toWellFormed() };
}
