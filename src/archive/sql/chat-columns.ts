/** The columns of the view `chat`: every member of a line (docs/record-format.md), in the order in which people read them. */
export interface ChatColumn {
  /** Of the column and of the member. */
  name: string;
  /** DuckDB's type. */
  type: string;
  meaning: string;
}

const TEXT = 'VARCHAR';
const TIME = 'TIMESTAMP';

export const CHAT_COLUMNS: readonly ChatColumn[] = [
  column('timestamp', TIME, 'when it happened; UTC'),
  column('platform', TEXT, 'twitch, irc-<network>'),
  column('channel', TEXT, 'as in the lines: Twitch has no #'),
  column('type', TEXT, 'message, ban, timeout, delete, notice, join, gap, ...'),
  column('username', TEXT, 'login or nick of who acted'),
  column('user_id', TEXT, "the platform's id of who acted"),
  column('display_name', TEXT, 'as the user writes it'),
  column('message', TEXT, 'the text'),
  column('id', TEXT, "the platform's id of the event"),
  column('received_at', TIME, 'when the recorder read it; UTC'),
  column('reply_to', TEXT, 'id of the message it answers'),
  column('badges', `${TEXT}[]`, "['subscriber/12']"),
  column('emotes', `STRUCT(id ${TEXT}, ranges INTEGER[][])[]`, 'offsets in code points of the message'),
  column(
    'media',
    `STRUCT(url ${TEXT}, "type" ${TEXT}, mime ${TEXT}, size_bytes BIGINT, title ${TEXT})[]`,
    'files that came along',
  ),
  column(
    'command',
    `STRUCT("name" ${TEXT}, status ${TEXT}, error ${TEXT}, "admin" BOOLEAN)`,
    'a command it is or carries',
  ),
  column('action', 'BOOLEAN', 'true for /me'),
  column('direction', TEXT, 'outgoing: said by the recording account'),
  column('moderator', TEXT, 'who did it'),
  column('target', TEXT, 'login or nick of whom it happened to'),
  column('target_user_id', TEXT, 'their id'),
  column('target_message_id', TEXT, 'the message it happened to'),
  column('duration_seconds', 'DOUBLE', 'of a timeout or gap'),
  column('reason', TEXT, 'of a ban, kick, part, gap'),
  column('system_message', TEXT, "the platform's own sentence"),
  column('gap', `STRUCT("until" ${TIME}, backfill ${TEXT}, filled BIGINT, dropped BIGINT)`, 'of a gap'),
  column('sampling_rate', 'DOUBLE', 'it stands for 1 / sampling_rate lines'),
  column('source', TEXT, 'backfill, import; NULL: live'),
  column('platform_event', TEXT, "the platform's name of the event"),
  column('prefix', TEXT, 'IRC: nick!user@host'),
  column('tags', 'JSON', "everything else: tags->>'first-msg'"),
  column('raw', TEXT, 'the original line, where it cannot be rebuilt'),
  column('raw_base64', TEXT, 'its bytes, where they are no UTF-8'),
];

function column(name: string, type: string, meaning: string): ChatColumn {
  return { name, type, meaning };
}
