/** Rows of the index as Parquet: their lines (`line-row.ts`), and what became of them. */
import { LINE_COLUMNS, lineRow, rowLine } from '../../../archive/formats/parquet/line-row.ts';
import { type ParquetColumn, ParquetFile } from '../../../archive/formats/parquet/parquet-file.ts';
import { parquetRowGroups } from '../../../archive/formats/parquet/read-parquet.ts';
import type { LinesTally } from '../../../uploading/lines-tally.ts';
import { storedLine } from '../../message-row.ts';
import type { StoredRow } from '../../stored-row.ts';
import type { ExportFile } from './export-file.ts';

export interface ExportedRow {
  timestamp: Date;
  deleted_at: Date | null;
  status: string | null;
  line: string;
}

const COLUMNS: readonly ParquetColumn[] = [
  ...LINE_COLUMNS,
  { name: 'deleted_at', type: 'TIMESTAMP' },
  { name: 'status', type: 'STRING' },
];

export function exportedRow(row: StoredRow): ExportedRow {
  return { timestamp: row.ts, deleted_at: row.deleted_at, status: row.status, line: storedLine(row) };
}

export async function writeParquet(
  pages: AsyncIterable<readonly ExportedRow[]>,
  file: ExportFile,
  tally: LinesTally,
): Promise<void> {
  const table = new ParquetFile(COLUMNS);
  for await (const page of pages) {
    for (const { timestamp, deleted_at, status, line } of page) {
      const bytes = Buffer.from(`${line}\n`);
      tally.update(bytes);
      const row = { ...lineRow(bytes.subarray(0, -1), timestamp.getTime()), deleted_at, status };
      const group = table.add(row, bytes.length);
      if (group.length > 0) await file.write(group);
    }
  }
  await file.write(table.end());
}

/** Of a Parquet object of ours; throws whatever the reader throws of another. */
export async function readExportedRows(bytes: Buffer): Promise<ExportedRow[]> {
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  const exported: ExportedRow[] = [];
  for await (const rows of parquetRowGroups(file)) {
    for (const row of rows) {
      const { timestamp, deleted_at, status } = row as unknown as ExportedRow;
      exported.push({ timestamp, deleted_at, status, line: rowLine(row).toString() });
    }
  }
  return exported;
}
