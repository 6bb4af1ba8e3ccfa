/**
 * Logs of channels and of people in channels: by day and month, by range, at random, by a word. Without a time a request is
 * redirected to the newest log.
 */

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { indexBoundaryMs } from '../../archive-query/index-boundary.ts';
import type { Named } from '../../archive-query/log-reader.ts';
import { type LogQuery, logSources, readLog } from '../../archive-query/read-log.ts';
import { servedEvent } from '../../archive-query/served-event.ts';
import { storedEvent } from '../../index/message-row.ts';
import type { LogChannel } from '../../index/queries/log-channels.ts';
import { daysOfChannel, monthsOfUser } from '../../index/queries/log-days.ts';
import { randomRow } from '../../index/queries/random-row.ts';
import type { ApiApp, ApiContext } from '../api-context.ts';
import { type FoundUser, findChannel, findUser } from './find-log.ts';
import {
  DAY_MS,
  type LogParameters,
  lastValue,
  parseDay,
  parseLogParameters,
  parseMonth,
  parseTimeRange,
  type TimeRange,
} from './log-parameters.ts';
import { logQuery, newestQuery, pathSchema, randomQuery, searchQuery } from './log-schemas.ts';
import { invalidParam, notFound } from './peer-error.ts';
import { LOG_EVENT_TYPES } from './peer-message.ts';
import {
  ask,
  CHANNEL_PATHS,
  hasSettled,
  pathPart,
  queryOf,
  setCaching,
  USER_PATHS,
  varyByContentType,
} from './peer-request.ts';
import { sendEvents, sendLog } from './send-log.ts';

const ENDED_MAX_AGE_SECONDS = 36_000;
/** Draws at random until a line may be shown. */
const DRAWS_MAX = 20;
const CONFIG = { scope: 'read', ignoresUnknown: true, readsArchive: true } as const;

/** The log that a path names. */
interface Log {
  channel: LogChannel;
  user: FoundUser | undefined;
  boundaryMs: number;
  /** Days of a channel (`YYYY-MM-DD`), months of a user (`YYYY-MM`), the newest first. */
  periods: string[];
}

export function registerLogRoutes(app: ApiApp, context: ApiContext, random: () => number): void {
  const routes = new LogRoutes(context, random);
  for (const [channelPath, channelBy] of CHANNEL_PATHS) {
    const get = (
      path: string,
      userBy: Named['by'] | undefined,
      handle: (request: FastifyRequest, reply: FastifyReply, log: Log) => Promise<unknown>,
      { summary, querystring = logQuery }: { summary: string; querystring?: z.ZodType },
    ) => {
      const url = `${channelPath}${path}`;
      const schema = { tags: ['log viewers'], summary, params: pathSchema(url), querystring };
      app.get(url, { config: CONFIG, schema }, async (request, reply) =>
        handle(request, reply, await routes.find(request, channelBy, userBy)),
      );
    };
    get('', undefined, routes.newest, {
      summary: 'The newest day, or a range of time',
      querystring: newestQuery,
    });
    get('/:year/:month/:day', undefined, routes.day, { summary: 'One day of a channel' });
    get('/random', undefined, routes.random, { summary: 'A line at random', querystring: randomQuery });
    for (const [userPath, userBy] of USER_PATHS) {
      const path = `/${userPath}`;
      get(path, userBy, routes.newest, {
        summary: "A user's newest month, or a range of time",
        querystring: newestQuery,
      });
      get(`${path}/:year/:month`, userBy, routes.month, { summary: 'One month of a user in a channel' });
      get(`${path}/random`, userBy, routes.random, {
        summary: "A user's line at random",
        querystring: randomQuery,
      });
      get(`${path}/search`, userBy, routes.search, {
        summary: "A user's lines that contain a text",
        querystring: searchQuery,
      });
    }
  }
}

class LogRoutes {
  readonly #context: ApiContext;
  readonly #random: () => number;

  constructor(context: ApiContext, random: () => number) {
    this.#context = context;
    this.#random = random;
  }

  /** Throws 403 where channel or user opted out, 404 where an id is nobody's. */
  find(request: FastifyRequest, channelBy: Named['by'], userBy: Named['by'] | undefined): Promise<Log> {
    const { privacy, config, now } = this.#context;
    return ask(this.#context, request, async (session) => {
      const channel = await findChannel(session, privacy, {
        by: channelBy,
        text: pathPart(request, 'channel'),
      });
      const user =
        userBy &&
        (await findUser(session, privacy, channel.platform, { by: userBy, text: pathPart(request, 'user') }));
      const boundaryMs = await indexBoundaryMs(session, channel, config(), now());
      const periods = !user
        ? await daysOfChannel(session, channel.ids)
        : user.id === undefined
          ? []
          : await monthsOfUser(session, user.id, channel.ids);
      return { channel, user, boundaryMs, periods };
    });
  }

  newest = async (request: FastifyRequest, reply: FastifyReply, log: Log): Promise<unknown> => {
    const { config, now } = this.#context;
    const query = queryOf(request);
    const range = parseTimeRange(query, now(), config().http.range_max_days);
    if (range) {
      if (log.periods.length === 0) throw notFound();
      setCaching(reply, this.#context, undefined);
      return this.#send(request, reply, log, range);
    }
    const [newest] = log.periods;
    if (newest === undefined) throw notFound();
    const [path, search] = splitUrl(request.url);
    const date = newest.split('-').map(Number).join('/');
    setCaching(reply, this.#context, undefined);
    return reply.redirect(`${path.replace(/\/+$/, '')}/${date}${search}`, 302);
  };

  day = async (request: FastifyRequest, reply: FastifyReply, log: Log): Promise<unknown> => {
    const [year, month, day] = dateParts(request, ['year', 'month', 'day']);
    return this.#period(request, reply, log, parseDay(year!, month!, day!));
  };

  month = async (request: FastifyRequest, reply: FastifyReply, log: Log): Promise<unknown> => {
    const [year, month] = dateParts(request, ['year', 'month']);
    return this.#period(request, reply, log, parseMonth(year!, month!));
  };

  random = async (request: FastifyRequest, reply: FastifyReply, log: Log): Promise<unknown> => {
    const { privacy } = this.#context;
    const { format } = parseLogParameters(queryOf(request), request.headers['content-type']);
    const { channel, user, boundaryMs } = log;
    setCaching(reply, this.#context, undefined);
    if (channel.ids.length === 0 || (user && user.id === undefined)) throw notFound();
    for (let draw = 0; draw < DRAWS_MAX; draw++) {
      const row = await ask(this.#context, request, (session) =>
        randomRow(session, {
          channelIds: channel.ids,
          ...(user?.id !== undefined && { userId: user.id }),
          fromMs: boundaryMs,
          draws: [this.#random(), this.#random()],
        }),
      );
      if (!row) break;
      const drawn = { event: storedEvent(row), timeMs: row.ts.getTime(), key: row.key };
      const event = servedEvent(privacy, drawn);
      if (event) return sendEvents(reply, [event], format);
    }
    throw notFound();
  };

  search = async (request: FastifyRequest, reply: FastifyReply, log: Log): Promise<unknown> => {
    const query = queryOf(request);
    const contains = lastValue(query, 'q');
    if (contains === undefined || contains === '') throw invalidParam('q should be the text to search for');
    const { now, config } = this.#context;
    const range = parseTimeRange(query, now(), config().http.range_max_days);
    setCaching(reply, this.#context, undefined);
    // The whole of what the index has; the archive is not searched.
    return this.#send(request, reply, log, range ?? { fromMs: 0, toMs: now() + DAY_MS }, {
      contains,
      boundaryMs: 0,
    });
  };

  /** A day or month: 404 outside of what is recorded; inside of it an empty one is an answer with nothing in it. */
  async #period(request: FastifyRequest, reply: FastifyReply, log: Log, range: TimeRange): Promise<unknown> {
    const { now } = this.#context;
    const { periods, boundaryMs } = log;
    const isWithin = isWithinSpan(periods, range, this.#isRecorded(log) ? now() : undefined);
    if (!isWithin && (range.fromMs >= boundaryMs || range.fromMs > now())) throw notFound();
    setCaching(reply, this.#context, hasSettled(range.toMs, now()) ? ENDED_MAX_AGE_SECONDS : undefined);
    return this.#send(request, reply, log, range, { mustHaveLines: !isWithin });
  }

  /** Today is part of what is recorded, also before anybody said anything. */
  #isRecorded({ channel, user }: Log): boolean {
    if (user !== undefined) return false;
    const states = this.#context.recorder?.channelStates() ?? [];
    return states.some(
      (state) => state.platform === channel.platform && channel.names.includes(state.channel),
    );
  }

  async #send(
    request: FastifyRequest,
    reply: FastifyReply,
    log: Log,
    range: TimeRange,
    options: { contains?: string; boundaryMs?: number; mustHaveLines?: boolean } = {},
  ): Promise<FastifyReply> {
    const parameters = parseLogParameters(queryOf(request), request.headers['content-type']);
    varyByContentType(reply);
    const { channel, user } = log;
    const query: LogQuery = {
      channel,
      ...(user && { user }),
      types: LOG_EVENT_TYPES,
      ...(options.contains !== undefined && { contains: options.contains }),
      ...range,
      reverse: parameters.reverse,
      boundaryMs: options.boundaryMs ?? log.boundaryMs,
      ...expectedLines(parameters),
    };
    const sources = logSources(query);
    if (sources.includes('archive')) reply.header('x-chatlog-source', sources.join(', '));
    const lines = readLog(this.#context, query, request.signal);
    const first = options.mustHaveLines ? await lines.next() : undefined;
    if (first?.done) throw notFound();
    return sendLog(reply, first ? resumed(first.value, lines) : lines, parameters);
  }
}

/** A few more, since not all that is read is part of a log. */
function expectedLines({ limit, offset }: LogParameters): { expected?: number } {
  return limit === undefined ? {} : { expected: limit + offset + 10 };
}

async function* resumed<T>(first: T, rest: AsyncGenerator<T>): AsyncGenerator<T> {
  yield first;
  yield* rest;
}

function isWithinSpan(periods: readonly string[], { fromMs, toMs }: TimeRange, recordedUntilMs = 0): boolean {
  const [newest, oldest] = [periods.at(0), periods.at(-1)];
  if (newest === undefined || oldest === undefined) return false;
  const startMs = Date.parse(oldest);
  const endMs = Math.max(Date.parse(newest) + 1, recordedUntilMs);
  return toMs > startMs && fromMs < endMs;
}

/** Throws 404 where a part of the path is no number: then it names no log. */
function dateParts(request: FastifyRequest, names: readonly string[]): string[] {
  const parts = names.map((name) => pathPart(request, name));
  const isDate = parts.every((part, index) => (index === 0 ? /^\d{4}$/ : /^\d{1,2}$/).test(part));
  if (!isDate) throw notFound();
  return parts;
}

function splitUrl(url: string): [path: string, search: string] {
  const mark = url.indexOf('?');
  return mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark)];
}
