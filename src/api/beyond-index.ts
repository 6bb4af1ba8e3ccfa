/**
 * Messages of one channel, also of times that the index does not reach: its page goes on in the archive. Of an archived
 * message nothing is known but its line: not what was removed, edited or delivered later.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { archiveOf } from '../archive-query/archive-of.ts';
import { type ArchivePage, archivePage } from '../archive-query/archive-page.ts';
import type { ArchivedLine, ArchiveUser } from '../archive-query/archive-request.ts';
import { indexBoundaryMs } from '../archive-query/index-boundary.ts';
import { findKnownUser, parseNamed, readerOf } from '../archive-query/log-reader.ts';
import { type ChatEvent, eventType } from '../event.ts';
import type { Session } from '../index/database/database.ts';
import { plainText } from '../index/database-text.ts';
import { typeNumber } from '../index/event-numbers.ts';
import { IdenticalLines } from '../index/identical-lines.ts';
import { type IndexedLine, indexLine } from '../index/message-row.ts';
import type { AnsweredRow } from '../index/queries/answered-row.ts';
import { findChannels } from '../index/queries/find-channels.ts';
import type { Position } from '../index/queries/page.ts';
import { dayOfText } from '../index/retention/due-ranges.ts';
import { MESSAGE_TYPES, type MessageQuestion, type MessagesAnswer } from './answer-messages.ts';
import type { ApiContext } from './api-context.ts';
import { type ApiMessage, toApiMessage } from './api-message.ts';
import { decodeCursor, encodeCursor, type Tally } from './cursor.ts';
import { openRange, pageSize } from './parameters.ts';
import { readIndex } from './read-index.ts';
import { isChannelVisible } from './visibility.ts';

/** The part of a question that the archive answers. */
interface Stretch {
  channel: { platform: string; name: string };
  user: ArchiveUser | undefined;
  fromMs: number;
  toMs: number;
}

export interface Exchange {
  request: FastifyRequest;
  reply: FastifyReply;
}

/** `answerIndex` answers what the index can. */
export async function answerBeyondIndex(
  context: ApiContext,
  { request, reply }: Exchange,
  question: MessageQuestion,
  answerIndex: (question: MessageQuestion) => Promise<MessagesAnswer>,
): Promise<MessagesAnswer> {
  if (!isForArchive(question)) return answerIndex(question);
  const find = () => readIndex(context, request, (session) => findStretch(session, context, question));
  const read = (stretch: Stretch, limit: number, skip: number) =>
    readStretch(context, question, stretch, { limit, skip, signal: request.signal });
  const limit = pageSize(question.limit, context.config().http);
  const answer =
    question.order === 'newest'
      ? await newestFirst({ question, limit, find, read, answerIndex })
      : await oldestFirst({ question, limit, find, read, answerIndex });
  if (answer.source !== undefined) reply.header('x-chatlog-source', answer.source);
  return answer;
}

/** What needs the index's own knowledge is asked of the index alone. */
function isForArchive(question: MessageQuestion): boolean {
  const { channel, search, badge, command, failed, media } = question;
  return channel !== undefined && !(search || badge || command || failed || media);
}

interface Work {
  question: MessageQuestion;
  limit: number;
  find: () => Promise<Stretch | undefined>;
  read: (stretch: Stretch, limit: number, skip: number) => Promise<ArchivePage>;
  answerIndex: (question: MessageQuestion) => Promise<MessagesAnswer>;
}

async function newestFirst({ question, limit, find, read, answerIndex }: Work): Promise<MessagesAnswer> {
  const fromIndex = await answerIndex(question);
  if (fromIndex.hasMore) return fromIndex;
  const stretch = await find();
  if (!stretch) return fromIndex;
  const cursor = question.cursor === undefined ? undefined : decodeCursor(question.cursor);
  const isBeyond = cursor !== undefined && cursor.tsMs < stretch.toMs;
  // An offset counts from the cursor on, and how many of it the index had is not known.
  if (question.offset > 0 && !isBeyond && fromIndex.messages.length === 0) return fromIndex;
  const { messages, total: estimate } = fromIndex;
  const room = limit - messages.length;
  const last = messages.at(-1);
  if (room <= 0 && last) return answerOf(question, messages, { next: positionOf(last), estimate });
  const { lines, next } = await read(stretch, room, isBeyond ? question.offset : 0);
  const source = last ? 'archive, index' : 'archive';
  return answerOf(question, [...messages, ...messagesOf(lines)], { next, source, estimate });
}

async function oldestFirst({ question, limit, find, read, answerIndex }: Work): Promise<MessagesAnswer> {
  const stretch = await find();
  const cursor = question.cursor === undefined ? undefined : decodeCursor(question.cursor);
  if (!stretch || (cursor !== undefined && cursor.tsMs >= stretch.toMs)) return answerIndex(question);
  const page = await read(stretch, limit, question.offset);
  const messages = messagesOf(page.lines);
  if (page.next) return answerOf(question, messages, { next: page.next, source: 'archive' });
  const room = limit - messages.length;
  const last = messages.at(-1);
  if (!last) return answerIndex({ ...question, limit: room });
  if (room <= 0) return answerOf(question, messages, { next: positionOf(last), source: 'archive' });
  // Without the tally: what was seen in the archive is no estimate of what the index has.
  const rest = await answerIndex({
    ...question,
    limit: room,
    offset: 0,
    cursor: cursor && encodeCursor(cursor),
  });
  const next = rest.nextCursor === null ? undefined : decodeCursor(rest.nextCursor);
  const source = rest.messages.length > 0 ? 'archive, index' : 'archive';
  return answerOf(question, [...messages, ...rest.messages], { next, source, estimate: rest.total });
}

interface PageEnd {
  next: Position | undefined;
  source?: NonNullable<MessagesAnswer['source']>;
  /** Of the index, for all pages. */
  estimate?: number;
}

function answerOf(
  question: MessageQuestion,
  messages: ApiMessage[],
  { next, source, estimate = 0 }: PageEnd,
): MessagesAnswer {
  const before = question.cursor === undefined ? undefined : decodeCursor(question.cursor).tally;
  const seen = (before?.seen ?? 0) + question.offset + messages.length;
  // How much more the archive has nobody knows.
  const total = next ? Math.max(before?.total ?? 0, estimate, seen + 1) : seen;
  const tally: Tally = { seen, total, isEstimate: true };
  return {
    messages,
    total,
    totalIsEstimate: true,
    hasMore: next !== undefined,
    nextCursor: next ? encodeCursor(next, tally) : null,
    ...(source && { source }),
  };
}

function positionOf({ timestamp, key }: ApiMessage): Position {
  return { tsMs: Date.parse(timestamp), key };
}

/** Undefined where the question does not reach beyond the index. */
async function findStretch(
  session: Session,
  context: ApiContext,
  question: MessageQuestion,
): Promise<Stretch | undefined> {
  const { config, now, privacy } = context;
  const [row, ...others] = await findChannels(session, question.channel!, question.platform);
  // Of several platforms' channels of one name the lines would have to be merged.
  if (!row || others.length > 0) return undefined;
  const channel = { platform: plainText(row.platform), name: plainText(row.name) };
  if (!isChannelVisible(privacy, channel.platform, channel.name)) return undefined;
  const indexed = { platform: channel.platform, names: [channel.name], ids: [row.id] };
  const boundaryMs = await indexBoundaryMs(session, indexed, config(), now());
  const { sinceMs, untilMs } = openRange(question, { nowMs: now(), http: config().http });
  const fromMs = sinceMs ?? (await firstDayMs(session, row.id)) ?? boundaryMs;
  const toMs = Math.min(untilMs ?? boundaryMs, boundaryMs);
  if (fromMs >= toMs) return undefined;
  if (question.user === undefined) return { channel, user: undefined, fromMs, toMs };
  const named = parseNamed(plainText(question.user));
  const { archived } = readerOf(await findKnownUser(session, channel.platform, named), named);
  return { channel, user: archived, fromMs, toMs };
}

/** The first day that the index ever counted. */
async function firstDayMs(session: Session, channelId: number): Promise<number | undefined> {
  const { rows } = await session.query('SELECT min(day) AS day FROM daily_stats WHERE channel_id = $1', [
    channelId,
  ]);
  const day = rows[0]?.day as string | null | undefined;
  return day ? dayOfText(day) : undefined;
}

function readStretch(
  context: ApiContext,
  question: MessageQuestion,
  stretch: Stretch,
  { limit, skip, signal }: { limit: number; skip: number; signal: AbortSignal },
): Promise<ArchivePage> {
  const cursor = question.cursor === undefined ? undefined : decodeCursor(question.cursor);
  const after = cursor && cursor.tsMs < stretch.toMs ? { tsMs: cursor.tsMs, key: cursor.key } : undefined;
  return archivePage(
    archiveOf(context),
    { ...stretch, order: question.order, after, wanted: filterOf(question), skip, limit },
    signal,
  );
}

function filterOf({ type = [...MESSAGE_TYPES], direction, context }: MessageQuestion) {
  return (event: ChatEvent): boolean => {
    if (type !== 'all' && !type.includes(eventType(event))) return false;
    if (direction && (event.direction ?? 'incoming') !== direction) return false;
    return !context || (eventType(event) === 'private') === (context === 'private');
  };
}

function messagesOf(lines: readonly ArchivedLine[]): ApiMessage[] {
  return lines.flatMap(({ line, key }) => {
    const read = indexLine(line, new IdenticalLines());
    return 'rejected' in read ? [] : [toApiMessage(rowOf({ ...read, key }, line))];
  });
}

/** As the index would have it, had nothing happened to it since. */
function rowOf(read: IndexedLine, line: Buffer): AnsweredRow {
  return {
    ts: new Date(read.timeMs),
    key: read.key,
    channel_id: 0,
    user_id: null,
    name_id: null,
    template_id: null,
    received_ms: read.receivedMs ?? null,
    type: typeNumber(read.type),
    flags: read.flags,
    text: read.text,
    rest: line.toString(),
    reply_key: read.replyKey ?? null,
    thread_key: read.threadKey ?? null,
    command: read.command?.name ?? null,
    command_status: read.command?.status ?? null,
    command_error: read.command?.error ?? null,
    media: null,
    status: null,
    edited_at: null,
    edited_text: null,
    deleted_at: null,
    deleted_by: null,
    platform: read.platform,
    channel: read.channel,
    user_key: read.userKey ?? null,
    login: read.login ?? null,
    display_name: read.displayName,
    template: null,
    removed_type: null,
    removed_by: null,
    removed_reason: null,
  };
}
