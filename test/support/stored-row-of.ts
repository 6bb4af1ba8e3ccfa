/** The row that the database would give back for a line, without a database. */
import { typeNumber } from '../../src/index/event-numbers.ts';
import type { IndexedLine } from '../../src/index/message-row.ts';
import type { StoredRow } from '../../src/index/stored-row.ts';

export function storedRowOf(line: IndexedLine): StoredRow {
  const { command } = line;
  return {
    ts: new Date(line.timeMs),
    key: line.key,
    channel_id: 1,
    user_id: line.userKey === undefined ? null : 1,
    name_id: line.login === undefined ? null : 1,
    template_id: line.template === undefined ? null : 1,
    received_ms: line.receivedMs ?? null,
    type: typeNumber(line.type),
    flags: line.flags,
    text: line.text,
    rest: line.rest ?? null,
    reply_key: line.replyKey ?? null,
    thread_key: line.threadKey ?? null,
    command: command?.name ?? null,
    command_status: command?.status ?? null,
    command_error: command?.error ?? null,
    media: line.media === undefined ? null : JSON.parse(line.media),
    status: null,
    edited_at: null,
    edited_text: null,
    deleted_at: null,
    deleted_by: null,
    platform: line.platform,
    channel: line.channel,
    user_key: line.userKey ?? null,
    login: line.login ?? null,
    display_name: line.login === undefined ? null : line.displayName,
    template: line.template ?? null,
  };
}
