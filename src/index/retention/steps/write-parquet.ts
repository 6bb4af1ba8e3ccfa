/** Rows as Parquet: what is asked for most in typed columns, and the whole line beside them. */
import { zstdCompressSync } from 'node:zlib';
import {
  type BasicType,
  ByteWriter,
  type ColumnSource,
  ParquetWriter,
  schemaFromColumnData,
} from 'hyparquet-writer';
import { type ChatEvent, eventType } from '../../../event.ts';
import type { LinesTally } from '../../../uploading/lines-tally.ts';
import { storedEvent, storedLine } from '../../message-row.ts';
import type { StoredRow } from '../../stored-row.ts';
import type { ExportFile, RowPages } from './export-file.ts';

/** Held in memory until it is written: some megabytes. */
const GROUP_ROWS = 10_000;

interface Column {
  name: string;
  type: BasicType;
  value: (event: ChatEvent, row: StoredRow, line: string) => unknown;
}

const COLUMNS: readonly Column[] = [
  { name: 'timestamp', type: 'TIMESTAMP', value: (_, row) => row.ts },
  { name: 'platform', type: 'STRING', value: (event) => event.platform },
  { name: 'channel', type: 'STRING', value: (event) => event.channel },
  { name: 'type', type: 'STRING', value: (event) => eventType(event) },
  { name: 'username', type: 'STRING', value: (event) => event.username },
  { name: 'user_id', type: 'STRING', value: (event) => event.user_id },
  { name: 'display_name', type: 'STRING', value: (event) => event.display_name ?? null },
  { name: 'message', type: 'STRING', value: (event) => event.message },
  { name: 'id', type: 'STRING', value: (event) => event.id ?? null },
  { name: 'reply_to', type: 'STRING', value: (event) => event.reply_to ?? null },
  { name: 'target', type: 'STRING', value: (event) => event.target ?? null },
  { name: 'duration_seconds', type: 'DOUBLE', value: (event) => event.duration_seconds ?? null },
  { name: 'deleted_at', type: 'TIMESTAMP', value: (_, row) => row.deleted_at },
  { name: 'status', type: 'STRING', value: (_, row) => row.status },
  // As text: the writer would make JSON of it once more.
  { name: 'line', type: 'STRING', value: (_event, _row, line) => line },
];

export async function writeParquet(pages: RowPages, file: ExportFile, tally: LinesTally): Promise<void> {
  const sink = new SinkWriter((bytes) => file.write(bytes));
  const writer = new ParquetWriter({
    writer: sink,
    schema: schemaFromColumnData({ columnData: columnsOf([]) }),
    codec: 'ZSTD',
    compressors: { ZSTD: (bytes) => zstdCompressSync(bytes) },
    createdBy: 'chatlog',
  });
  let group: StoredRow[] = [];
  const flush = async () => {
    if (group.length === 0) return;
    const lines = group.map(storedLine);
    tally.update(Buffer.from(lines.map((line) => `${line}\n`).join('')));
    await writer.write({ columnData: columnsOf(group, lines), rowGroupSize: GROUP_ROWS });
    group = [];
  };
  for await (const page of pages) {
    group.push(...page);
    if (group.length >= GROUP_ROWS) await flush();
  }
  await flush();
  await writer.finish();
}

function columnsOf(rows: readonly StoredRow[], lines: readonly string[] = []): ColumnSource[] {
  const events = rows.map(storedEvent);
  return COLUMNS.map(({ name, type, value }) => ({
    name,
    type,
    data: rows.map((row, index) => value(events[index]!, row, lines[index]!)),
  }));
}

/** Hands each row group on once it is encoded. */
class SinkWriter extends ByteWriter {
  readonly #write: (bytes: Uint8Array) => Promise<void>;

  constructor(write: (bytes: Uint8Array) => Promise<void>) {
    super();
    this.#write = write;
  }

  async flush(): Promise<void> {
    const bytes = Buffer.from(this.buffer.slice(0, this.index));
    this.index = 0;
    await this.#write(bytes);
  }

  override async finish(): Promise<void> {
    await this.flush();
  }
}
