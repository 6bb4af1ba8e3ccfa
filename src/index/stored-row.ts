/**
 * A row of `messages` with everything that its line can be made of again (`message-row.ts`). Every query that answers
 * with messages selects {@link STORED_COLUMNS} joined by {@link STORED_JOINS}.
 */

/** Names are those of the columns. Texts are as the database keeps them: {@link plainText} (`database-text.ts`) gives the original. */
export interface StoredRow {
  ts: Date;
  key: string;
  channel_id: number;
  user_id: number | null;
  name_id: number | null;
  template_id: number | null;
  received_ms: number | null;
  type: number;
  flags: number;
  text: string;
  rest: string | null;
  reply_key: string | null;
  thread_key: string | null;
  command: string | null;
  command_status: string | null;
  command_error: string | null;
  media: unknown;
  status: string | null;
  edited_at: Date | null;
  edited_text: string | null;
  deleted_at: Date | null;
  deleted_by: string | null;
  /** Of the channel. */
  platform: string;
  channel: string;
  /** Null where the line names nobody. */
  user_key: string | null;
  login: string | null;
  display_name: string | null;
  /** JSON text; null where `rest` is the whole line. */
  template: string | null;
}

/** The select list of a {@link StoredRow}; `m` is `messages`. */
export const STORED_COLUMNS =
  'm.ts, m.key, m.channel_id, m.user_id, m.name_id, m.template_id, m.received_ms, m.type, m.flags, m.text, m.rest, ' +
  'm.reply_key, m.thread_key, m.command, m.command_status, m.command_error, m.media, m.status, ' +
  'm.edited_at, m.edited_text, m.deleted_at, m.deleted_by, ' +
  'mc.platform, mc.name AS channel, mu.user_key, mn.login, mn.display_name, mt.content::text AS template';

/** What is joined to `messages m` for them: `FROM messages m ${STORED_JOINS} WHERE ...`. */
export const STORED_JOINS =
  'JOIN channels mc ON mc.id = m.channel_id LEFT JOIN users mu ON mu.id = m.user_id ' +
  'LEFT JOIN user_names mn ON mn.id = m.name_id LEFT JOIN templates mt ON mt.id = m.template_id';
