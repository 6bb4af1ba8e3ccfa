/** `/api/gaps`: what was not recorded, and why. */
import { z } from 'zod';
import { plainText } from '../../index/database-text.ts';
import { gapPage } from '../../index/queries/gap-page.ts';
import type { ApiApp, ApiContext } from '../api-context.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import {
  channelParameter,
  openRange,
  pageSize,
  platformParameter,
  sinceParameter,
  untilParameter,
} from '../parameters.ts';
import { readIndex } from '../read-index.ts';
import { findSubjects, idsOf } from '../subjects.ts';
import { isChannelVisible } from '../visibility.ts';
import { pageParameters } from './messages.ts';

const gapsAnswer = z.object({
  gaps: z.array(
    z.object({
      platform: z.string(),
      channel: z.string(),
      since: z.iso.datetime(),
      until: z.iso.datetime(),
      durationSeconds: z.number(),
      reason: z.string(),
      backfill: z
        .string()
        .describe(
          'What became of asking the platform’s history: complete, partial, unavailable, failed, off, none.',
        ),
      filled: z.number().int().describe('Lines that came from there.'),
      dropped: z.number().int().describe('Events that arrived and had to be shed.'),
    }),
  ),
  hasMore: z.boolean(),
  nextCursor: z.string().nullable(),
});

export function registerGapRoutes(app: ApiApp, context: ApiContext): void {
  const schema = {
    tags: ['archive'],
    summary: 'What was not recorded, newest first',
    description: '`since` and `until` are about the beginning of a gap.',
    querystring: z.object({
      channel: channelParameter.optional(),
      platform: platformParameter.optional(),
      since: sinceParameter.optional(),
      until: untilParameter.optional(),
      ...pageParameters,
    }),
    response: { 200: gapsAnswer },
  };
  app.get('/api/gaps', { config: { scope: 'read' }, schema }, async (request) => {
    const { http } = context.config();
    const { order, offset, cursor } = request.query;
    const limit = pageSize(request.query.limit, http);
    const range = openRange(request.query, { nowMs: context.now(), http });
    const after = cursor === undefined ? undefined : decodeCursor(cursor);
    const rows = await readIndex(context, request, async (session) => {
      const channelIds = idsOf((await findSubjects(session, context.privacy, request.query)).channels);
      return gapPage(session, { ...(channelIds && { channelIds }), range, order, after, offset, limit });
    });
    const page = rows.slice(0, limit);
    const last = rows.length > limit ? page.at(-1) : undefined;
    return {
      gaps: page
        .map((row) => ({
          platform: plainText(row.platform),
          channel: plainText(row.channel),
          since: row.ts.toISOString(),
          until: row.until.toISOString(),
          durationSeconds: (row.until.getTime() - row.ts.getTime()) / 1_000,
          reason: plainText(row.reason),
          backfill: plainText(row.backfill),
          filled: row.filled,
          dropped: row.dropped,
        }))
        .filter(({ platform, channel }) => isChannelVisible(context.privacy, platform, channel)),
      hasMore: last !== undefined,
      nextCursor: last ? encodeCursor({ tsMs: last.ts.getTime(), key: last.key }) : null,
    };
  });
}
