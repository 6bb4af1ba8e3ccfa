/**
 * The lines of a channel in order of time, wherever they are: from the archive's objects up to the index's boundary, from
 * the index after it. Nothing is held but the batch that is being handed on.
 */
import type { ApiContext } from '../api/api-context.ts';
import type { ChatEvent, EventType } from '../event.ts';
import { typeNumber } from '../index/event-numbers.ts';
import { storedEvent, storedLine } from '../index/message-row.ts';
import type { LogChannel } from '../index/queries/log-channels.ts';
import { logRows } from '../index/queries/log-rows.ts';
import type { StoredRow } from '../index/stored-row.ts';
import type { PrivacyGate } from '../privacy/privacy-gate.ts';
import { archiveOf } from './archive-of.ts';
import type { ArchivedLine } from './archive-request.ts';
import type { LogReader } from './log-reader.ts';
import { servedEvent } from './served-event.ts';

export interface LogQuery {
  /** `ids` is empty where the index has never seen it. */
  channel: Pick<LogChannel, 'platform' | 'names' | 'ids'>;
  user?: LogReader;
  /** Only these types; all (but gaps) when left out. */
  types?: readonly EventType[];
  /** Only texts with this in them, upper and lower case alike. */
  contains?: string;
  fromMs: number;
  /** Excluded. */
  toMs: number;
  /** Newest first. */
  reverse: boolean;
  /** Of the channel (`index-boundary.ts`): what is older is read from the archive. */
  boundaryMs: number;
  /** How many lines will be taken, where that is known: the first page is no larger. */
  expected?: number;
  /** Waits for its turn at the archive, which else is refused while others have it. */
  waits?: boolean;
}

export interface LogLine {
  event(): ChatEvent;
  /** As it was recorded, without its line end. */
  bytes(): Buffer;
}

/** Where the lines of a query lie. */
export type LogSource = 'index' | 'archive';

export function logSources({ fromMs, toMs, boundaryMs, channel }: LogQuery): LogSource[] {
  const sources: LogSource[] = [];
  if (fromMs < Math.min(toMs, boundaryMs)) sources.push('archive');
  if (toMs > boundaryMs && channel.ids.length > 0) sources.push('index');
  return sources;
}

/** Batches, none of them empty. People who opted out or were forgotten are not in them. */
export async function* readLog(
  context: ApiContext,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<LogLine[]> {
  const sources = logSources(query);
  for (const source of query.reverse ? sources.reverse() : sources) {
    if (source === 'archive') yield* fromArchive(context, query, signal);
    else yield* fromIndex(context, query, signal);
  }
}

async function* fromIndex(
  { database, privacy, config }: ApiContext,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<LogLine[]> {
  const { channel, user, types, contains, reverse, boundaryMs, expected } = query;
  if (user && user.id === undefined) return;
  const rows = logRows(
    database,
    {
      channelIds: channel.ids,
      ...(user?.id !== undefined && { userId: user.id }),
      ...(types && { types: types.map(typeNumber) }),
      ...(contains !== undefined && { contains }),
      fromMs: Math.max(query.fromMs, boundaryMs),
      toMs: query.toMs,
      order: reverse ? 'newest' : 'oldest',
    },
    { statementTimeoutMs: config().http.statement_timeout_seconds * 1000, signal },
    expected,
  );
  for await (const batch of rows) {
    const lines = batch.flatMap((row) => servedRow(privacy, row));
    if (lines.length > 0) yield lines;
  }
}

function servedRow(privacy: PrivacyGate, row: StoredRow): LogLine[] {
  if (privacy.isEmpty) return [{ event: () => storedEvent(row), bytes: () => Buffer.from(storedLine(row)) }];
  const stored = storedEvent(row);
  const event = servedEvent(privacy, { event: stored, timeMs: row.ts.getTime(), key: row.key });
  if (event === undefined) return [];
  const line = () => (event === stored ? storedLine(row) : JSON.stringify(event));
  return [{ event: () => event, bytes: () => Buffer.from(line()) }];
}

async function* fromArchive(
  context: ApiContext,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<LogLine[]> {
  const { channel, user, reverse } = query;
  const batches = archiveOf(context).lines(
    {
      channels: channel.names.map((name) => ({ platform: channel.platform, channel: name })),
      fromMs: query.fromMs,
      toMs: Math.min(query.toMs, query.boundaryMs),
      reverse,
      ...(user && { user: user.archived }),
      ...(query.waits && { waits: true }),
    },
    signal,
  );
  for await (const batch of batches) {
    const lines = batch.filter(({ event }) => isWanted(event, query)).map(ofArchive);
    if (lines.length > 0) yield lines;
  }
}

function isWanted(event: ChatEvent, { types, contains }: LogQuery): boolean {
  if (types && !types.includes(event.type ?? 'message')) return false;
  return contains === undefined || event.message.toLowerCase().includes(contains.toLowerCase());
}

function ofArchive({ event, line }: ArchivedLine): LogLine {
  return { event: () => event, bytes: () => line };
}
