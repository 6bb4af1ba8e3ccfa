/**
 * Writes a Parquet file row group by row group. Memory is bounded by one row group: so many rows or bytes as its maker
 * counts for them, whichever is reached first.
 *
 * Columns are compressed with zstd. Texts that repeat themselves go through a dictionary, others have their lengths apart from
 * their bytes, times are written as differences; every engine of the last years reads these. `username` and `user_id` have
 * Bloom filters: a person's lines are found without reading the other row groups.
 */
import { constants, zstdCompressSync } from 'node:zlib';
import {
  type BasicType,
  ByteWriter,
  type ColumnSource,
  ParquetWriter,
  schemaFromColumnData,
} from 'hyparquet-writer';

export interface ParquetColumn {
  name: string;
  type: BasicType;
}

export type ParquetRow = Record<string, unknown>;

const GROUP_ROWS_MAX = 32_768;
const GROUP_BYTES_MAX = 16 * 1024 * 1024;
const ZSTD_LEVEL = 9;
/** Nobody asks for a range of these. */
const WITHOUT_STATISTICS = new Set([
  'message',
  'emotes',
  'tags',
  'extra',
  'members',
  'line',
  'system_message',
]);
const WITH_BLOOM_FILTER = new Set(['username', 'user_id']);

export class ParquetFile {
  readonly #columns: readonly ParquetColumn[];
  readonly #sink = new Sink();
  readonly #writer: ParquetWriter;
  #group: ParquetRow[] = [];
  #groupBytes = 0;

  constructor(columns: readonly ParquetColumn[]) {
    this.#columns = columns;
    this.#writer = new ParquetWriter({
      writer: this.#sink,
      schema: schemaFromColumnData({ columnData: columns.map((column) => ({ ...column, data: [] })) }),
      codec: 'ZSTD',
      compressors: { ZSTD: compress },
      createdBy: 'chatlog',
    });
  }

  /**
   * What there is to write now, mostly nothing.
   * @param bytes what the row counts for
   */
  add(row: ParquetRow, bytes: number): Buffer {
    this.#group.push(row);
    this.#groupBytes += bytes;
    const isFull = this.#group.length >= GROUP_ROWS_MAX || this.#groupBytes >= GROUP_BYTES_MAX;
    return isFull ? this.#flush() : EMPTY;
  }

  /** The rest of the file. */
  end(): Buffer {
    const group = this.#flush();
    void this.#writer.finish();
    return Buffer.concat([group, this.#sink.take()]);
  }

  #flush(): Buffer {
    if (this.#group.length === 0) return EMPTY;
    const columnData = this.#columns.map((column) => columnSource(column, this.#group));
    this.#group = [];
    this.#groupBytes = 0;
    void this.#writer.write({ columnData, rowGroupSize: GROUP_ROWS_MAX });
    return this.#sink.take();
  }
}

const EMPTY = Buffer.alloc(0);

function columnSource({ name, type }: ParquetColumn, rows: readonly ParquetRow[]): ColumnSource {
  const data = rows.map((row) => row[name] ?? null);
  return {
    name,
    type,
    data,
    statistics: !WITHOUT_STATISTICS.has(name),
    ...(WITH_BLOOM_FILTER.has(name) && { bloomFilter: true }),
    ...(type === 'TIMESTAMP' && { encoding: 'DELTA_BINARY_PACKED' }),
    // The writer's own choice is the dictionary, where that pays.
    ...(type === 'STRING' && isDiverse(data) && { encoding: 'DELTA_LENGTH_BYTE_ARRAY' }),
  };
}

/** More than half of the values are different. */
function isDiverse(data: readonly unknown[]): boolean {
  const values = new Set(data);
  const nulls = values.delete(null) ? data.filter((value) => value === null).length : 0;
  return values.size > (data.length - nulls) / 2;
}

function compress(bytes: Uint8Array): Uint8Array {
  return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } });
}

/** Keeps what the writer wrote until it is taken. It never waits, and so neither does the writer. */
class Sink extends ByteWriter {
  #taken: Buffer[] = [];

  flush(): void {
    this.#taken.push(Buffer.from(this.buffer.slice(0, this.index)));
    this.index = 0;
  }

  override finish(): void {
    this.flush();
  }

  take(): Buffer {
    const bytes = Buffer.concat(this.#taken);
    this.#taken = [];
    return bytes;
  }
}
