/**
 * What an index must hold, computed from its lines as plainly as possible: all lines at once, everything compared with
 * everything, nothing shared with the loader but the definition of an event's identity. The reference for every test
 * that loads lines in some order, in parts, again, or through crashes.
 */
import { createHash } from 'node:crypto';
import { type ChatEvent, eventIdentity, eventType } from '../../src/event.ts';
import { type ContentRow, type IndexContents, sorted } from './index-contents.ts';

export interface ModelOptions {
  moderationWindowHours?: number;
  sessionIdleMinutes?: number;
  /** Which lines are taken at all (retention, privacy); all when left out. */
  isTaken?: (event: ChatEvent) => boolean;
}

interface ModelLine {
  line: string;
  event: ChatEvent;
  ms: number;
  key: string;
  userKey: string | null;
}

/** `segments` are lists of whole lines; what is no line of ours is passed over. */
export function indexModel(
  segments: readonly (readonly string[])[],
  options: ModelOptions = {},
): IndexContents {
  const { moderationWindowHours = 24, sessionIdleMinutes = 30, isTaken = () => true } = options;
  const taken = uniqueLines(segments.flatMap(readSegment).filter(({ event }) => isTaken(event)));
  const gaps = taken.filter(({ event }) => event.type === 'gap');
  const lines = taken.filter(({ event }) => event.type !== 'gap');
  const actions = lines.filter(isModeration);
  return {
    channels: channels(taken),
    users: users(lines),
    userNames: sorted(unique(lines.flatMap(nameOf))),
    messages: sorted(
      lines.map((line) => messageRow(line, lines, actions, moderationWindowHours * 3_600_000)),
    ),
    modActions: sorted(actions.map((action) => modAction(action, lines))),
    edits: sorted(lines.filter(isEdit).map(editRow)),
    statuses: sorted(lines.filter(isStatus).map(statusRow)),
    sessions: sessions(lines, sessionIdleMinutes * 60_000),
    gaps: sorted(gaps.map(gapRow)),
    hourly: counted(lines, (line) => ({
      ...place(line),
      hour: `${line.event.timestamp.slice(0, 13)}:00:00.000Z`,
    })),
    daily: daily(lines),
    userDays: userDays(lines),
  };
}

function readSegment(texts: readonly string[]): ModelLine[] {
  const lines: ModelLine[] = [];
  let run: { receivedAt: string | undefined; seen: string[] } = { receivedAt: undefined, seen: [] };
  for (const line of texts) {
    const event = parse(line);
    if (!event) continue;
    const { received_at: receivedAt, platform } = event;
    if (run.receivedAt !== receivedAt) run = { receivedAt, seen: [] };
    const repeats = run.seen.filter((other) => other === line).length;
    run.seen.push(line);
    const identity = eventIdentity(event);
    const key = identity === '' ? digest(`${platform}\0${line}\0${repeats}`) : keyOf(platform, identity);
    lines.push({
      line,
      event,
      ms: Date.parse(event.timestamp),
      key,
      userKey: userKey(event.user_id, event.username),
    });
  }
  return lines;
}

function parse(line: string): ChatEvent | undefined {
  try {
    const event = JSON.parse(line) as ChatEvent;
    return typeof event.platform === 'string' && !Number.isNaN(Date.parse(event.timestamp))
      ? event
      : undefined;
  } catch {
    return undefined;
  }
}

/** Of the same key and time, the copy that is not backfilled, was received first, is the smaller text. */
function uniqueLines(lines: ModelLine[]): ModelLine[] {
  const rank = ({ event, line }: ModelLine) => `${event.source ?? ''} ${event.received_at ?? '~'} ${line}`;
  const best = new Map<string, ModelLine>();
  for (const line of lines) {
    const identity = `${line.key} ${line.ms}`;
    const known = best.get(identity);
    if (!known || rank(line) < rank(known)) best.set(identity, line);
  }
  return [...best.values()];
}

function digest(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  );
}

function keyOf(platform: string, id: string): string {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id) ? id : digest(`${platform}\0${id}`);
}

function userKey(id: string, login: string): string | null {
  if (id !== '') return id;
  return login === '' ? null : `~${login.toLowerCase()}`;
}

function place({ event }: ModelLine) {
  return { platform: event.platform, channel: event.channel };
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}

function unique(rows: ContentRow[]): ContentRow[] {
  return [...new Map(rows.map((row) => [JSON.stringify(row), row])).values()];
}

function groupBy<T>(items: readonly T[], of: (item: T) => unknown): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const name = JSON.stringify(of(item));
    groups.set(name, [...(groups.get(name) ?? []), item]);
  }
  return [...groups.values()];
}

/** Greatest first; texts by their code units. */
function descending(a: string | number, b: string | number): number {
  return a < b ? 1 : a > b ? -1 : 0;
}

function channels(lines: ModelLine[]): ContentRow[] {
  return sorted(
    groupBy(lines, place).map((group) => {
      const known = group
        .filter(({ event }) => event.type !== 'gap' && event.tags?.['room-id'])
        .map(({ ms, event }) => ({ ms, id: event.tags!['room-id'] as string }))
        .sort((a, b) => descending(a.ms, b.ms) || descending(a.id, b.id));
      const { platform, channel } = place(group[0]!);
      return { platform, name: channel, platform_id: known[0]?.id ?? null };
    }),
  );
}

const isMessage = ({ event }: ModelLine) => eventType(event) === 'message';
const isModeration = ({ event }: ModelLine) =>
  ['delete', 'ban', 'timeout', 'unban', 'untimeout', 'clear'].includes(eventType(event));
const isEdit = ({ event }: ModelLine) => event.type === 'edit' && !!event.target_message_id;
const isStatus = ({ event }: ModelLine) =>
  event.type === 'status' && !!event.target_message_id && !!event.platform_event;

function nameOf({ event, userKey }: ModelLine): ContentRow[] {
  if (event.username === '') return [];
  const { platform, username, display_name } = event;
  return [{ platform, user_key: userKey, login: username, display_name: display_name ?? '' }];
}

/** Everyone who acted or was acted on, by their latest message's name. */
function users(lines: ModelLine[]): ContentRow[] {
  const acting = lines
    .filter(({ userKey }) => userKey !== null)
    .map((line) => ({ line, key: line.userKey! }));
  const targets = lines.flatMap((line) => {
    const key = isModeration(line) ? givenTarget(line.event) : null;
    return key === null ? [] : [{ line, key }];
  });
  return sorted(
    groupBy([...acting, ...targets], ({ line, key }) => [line.event.platform, key]).map((group) => {
      const named = group
        .filter(({ line, key }) => line.userKey === key && line.event.username !== '')
        .map(({ line }) => ({
          ms: isMessage(line) ? line.ms : Number.NEGATIVE_INFINITY,
          login: line.event.username,
          display: line.event.display_name ?? '',
        }))
        .sort(
          (a, b) =>
            descending(a.ms, b.ms) || descending(a.login, b.login) || descending(a.display, b.display),
        );
      const { line, key } = group[0]!;
      return {
        platform: line.event.platform,
        user_key: key,
        login: named[0]?.login ?? null,
        display_name: named[0]?.display ?? null,
      };
    }),
  );
}

/** Whom an action names; of a deletion that names a login alone, only the message tells. */
function givenTarget({ target_user_id = '', target = '', target_message_id }: ChatEvent): string | null {
  if (target_user_id === '' && target_message_id) return null;
  return userKey(target_user_id, target);
}

function targetKey({ platform, target_message_id }: ChatEvent): string | null {
  return target_message_id ? keyOf(platform, target_message_id) : null;
}

function modAction(action: ModelLine, lines: ModelLine[]): ContentRow {
  const { event, key, ms } = action;
  const message = lines
    .filter((line) => line.key === targetKey(event) && line.userKey !== null)
    .sort((a, b) => a.ms - b.ms)[0];
  return {
    ...place(action),
    ts: time(ms),
    key,
    type: eventType(event),
    target_user: message?.userKey ?? givenTarget(event),
    target_login: event.target || null,
    moderator: event.moderator || null,
    duration_seconds: event.duration_seconds ?? null,
    reason: event.reason || null,
    target_key: targetKey(event),
  };
}

/** Whether `action` takes `line` away. */
function removes(action: ModelLine, line: ModelLine, windowMs: number): boolean {
  const { event } = action;
  if (event.type === 'delete') return targetKey(event) === line.key;
  if (!['message', 'edit', 'notice', 'media', 'poll'].includes(eventType(line.event))) return false;
  const isNear = line.ms <= action.ms && action.ms - line.ms <= windowMs;
  if (!isNear || event.platform !== line.event.platform || event.channel !== line.event.channel) return false;
  if (event.type === 'clear') return true;
  return (
    (event.type === 'ban' || event.type === 'timeout') &&
    line.userKey !== null &&
    givenTarget(event) === line.userKey
  );
}

function messageRow(line: ModelLine, lines: ModelLine[], actions: ModelLine[], windowMs: number): ContentRow {
  const { event, key, ms } = line;
  const removal = actions
    .filter((action) => removes(action, line, windowMs))
    .sort((a, b) => a.ms - b.ms || (a.key < b.key ? -1 : 1))[0];
  const latest = (of: (line: ModelLine) => boolean) =>
    lines
      .filter((other) => of(other) && targetKey(other.event) === key)
      .sort((a, b) => b.ms - a.ms || descending(a.key, b.key))[0];
  const edit = latest(isEdit);
  const thread = event.tags?.['reply-thread-parent-msg-id'];
  const receivedMs = Date.parse(event.received_at ?? '') - ms;
  return {
    ts: time(ms),
    key,
    received_ms: Math.abs(receivedMs) < 2 ** 31 ? receivedMs : null,
    flags: flags(event),
    text: event.message,
    reply_key: event.reply_to ? keyOf(event.platform, event.reply_to) : null,
    thread_key: thread ? keyOf(event.platform, thread as string) : null,
    ...command(event),
    media: event.media ?? null,
    status: latest(isStatus)?.event.platform_event?.toLowerCase() ?? null,
    edited_at: edit ? time(edit.ms) : null,
    edited_text: edit ? edit.event.message : null,
    deleted_at: removal ? time(removal.ms) : null,
    deleted_by: removal?.key ?? null,
    ...place(line),
    user_key: line.userKey,
    login: event.username || null,
    display_name: event.username === '' ? null : (event.display_name ?? ''),
    type: eventType(event),
    line: line.line,
  };
}

function flags({ direction, type, action, source, badges, tags, sampling_rate }: ChatEvent): number {
  const isModerator =
    tags?.mod === '1' ||
    badges?.some((badge) =>
      ['moderator', 'broadcaster', 'lead_moderator', 'staff', 'admin', 'global_mod'].includes(
        badge.split('/')[0]!,
      ),
    );
  const bits = [
    direction,
    type === 'private',
    action,
    source === 'backfill',
    source === 'import',
    isModerator,
  ];
  return [...bits, sampling_rate !== undefined].reduce((sum, bit, index) => sum + (bit ? 2 ** index : 0), 0);
}

function command({ command, message, type }: ChatEvent) {
  const name = command?.name ?? /^[!/]([\p{L}\p{N}_]\S*)/u.exec(message)?.[1];
  if (type !== undefined || name === undefined)
    return { command: null, command_status: null, command_error: null };
  return {
    command: name.replace(/^[!/]/, '').toLowerCase().slice(0, 64),
    command_status: command?.status ?? null,
    command_error: command?.error ?? null,
  };
}

function editRow(line: ModelLine): ContentRow {
  const { event, ms, key } = line;
  return { ...place(line), message_key: targetKey(event), ts: time(ms), key, text: event.message };
}

function statusRow(line: ModelLine): ContentRow {
  const { event, ms, key } = line;
  const status = event.platform_event!.toLowerCase();
  return {
    ...place(line),
    message_key: targetKey(event),
    ts: time(ms),
    key,
    status,
    error: event.reason ?? null,
  };
}

function gapRow(line: ModelLine): ContentRow {
  const { event, ms, key } = line;
  const gap = event.gap!;
  return {
    ...place(line),
    ts: time(ms),
    until: time(Date.parse(gap.until)),
    reason: event.reason ?? '',
    backfill: gap.backfill,
    filled: gap.filled,
    dropped: gap.dropped ?? 0,
    key,
  };
}

function chars(lines: ModelLine[]): number {
  return lines.filter(isMessage).reduce((sum, { event }) => sum + [...event.message].length, 0);
}

function counted(lines: ModelLine[], of: (line: ModelLine) => ContentRow): ContentRow[] {
  return sorted(
    groupBy(lines, of).map((group) => {
      const messages = group.filter(isMessage).length;
      const actions = group.filter(isModeration).length;
      const others = group.length - messages - actions;
      return { ...of(group[0]!), messages, mod_actions: actions, others, chars: chars(group) };
    }),
  );
}

function daily(lines: ModelLine[]): ContentRow[] {
  const dayOf = (line: ModelLine) => ({ ...place(line), day: time(line.ms).slice(0, 10) });
  const rows = groupBy(lines, dayOf).map((group) => {
    const users = new Set(
      group.filter((line) => isMessage(line) && line.event.username !== '').map(({ userKey }) => userKey),
    );
    return { ...counted(group, dayOf)[0]!, users: users.size };
  });
  return sorted(rows);
}

function userDays(lines: ModelLine[]): ContentRow[] {
  const of = (line: ModelLine) => ({
    ...place(line),
    day: time(line.ms).slice(0, 10),
    user_key: line.userKey,
    login: line.event.username,
    display_name: line.event.display_name ?? '',
  });
  const named = lines.filter((line) => isMessage(line) && line.event.username !== '');
  return sorted(
    groupBy(named, of).map((group) => {
      const times = group.map(({ ms }) => ms);
      return {
        ...of(group[0]!),
        messages: group.length,
        chars: chars(group),
        first_ts: time(Math.min(...times)),
        last_ts: time(Math.max(...times)),
      };
    }),
  );
}

function sessions(lines: ModelLine[], idleMs: number): ContentRow[] {
  const types = ['message', 'edit', 'notice', 'join', 'part', 'media', 'poll', 'private'];
  const showing = lines.filter((line) => line.userKey !== null && types.includes(eventType(line.event)));
  return sorted(
    groupBy(showing, (line) => [place(line), line.userKey]).flatMap((own) => sessionsOfUser(own, idleMs)),
  );
}

function sessionsOfUser(own: ModelLine[], idleMs: number): ContentRow[] {
  const rank = ({ event }: ModelLine) => (event.type === 'join' ? 0 : event.type === 'part' ? 2 : 1);
  const ordered = [...own].sort((a, b) => a.ms - b.ms || rank(a) - rank(b) || (a.key < b.key ? -1 : 1));
  const isPresence = ({ event }: ModelLine) => event.type === 'join' || event.type === 'part';
  const begins = (index: number): boolean => {
    const line = ordered[index]!;
    const previous = ordered[index - 1];
    if (!previous || previous.event.type === 'part' || line.event.type === 'join') return true;
    const before = ordered.slice(0, index).findLast(isPresence);
    const after = ordered.slice(index).find(isPresence);
    const isPair = before?.event.type === 'join' && after?.event.type === 'part';
    return line.ms - previous.ms > idleMs && !isPair;
  };
  const sessions: ModelLine[][] = [];
  ordered.forEach((line, index) => {
    if (begins(index)) sessions.push([]);
    sessions.at(-1)!.push(line);
  });
  return groupBy(sessions, (session) => session[0]!.ms).map((same) => {
    const all = same.flat();
    return {
      ...place(all[0]!),
      user_key: all[0]!.userKey,
      joined_at: time(all[0]!.ms),
      left_at: time(Math.max(...all.map(({ ms }) => ms))),
      messages: all.filter(isMessage).length,
      has_join: all.some(({ event }) => event.type === 'join'),
      has_part: all.some(({ event }) => event.type === 'part'),
    };
  });
}
