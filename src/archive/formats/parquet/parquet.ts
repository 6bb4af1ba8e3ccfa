/** Lines as a Parquet table, from which they can be given back byte for byte (`line-row.ts`, `read-parquet.ts`). */
import { type LineBatch, lineAt } from '../../scan/line-batch.ts';
import type { FormatWriter, StatefulFormat } from '../format.ts';
import { LINE_COLUMNS, lineRow } from './line-row.ts';
import { ParquetFile } from './parquet-file.ts';

export const PARQUET: StatefulFormat = {
  kind: 'stateful',
  extension: '.parquet',
  isCompressed: true,
  open: () => new LineTable(),
};

class LineTable implements FormatWriter {
  readonly #file = new ParquetFile(LINE_COLUMNS);

  write(batch: LineBatch): Buffer {
    const written: Buffer[] = [];
    for (let index = 0; index < batch.times.length; index++) {
      const line = lineAt(batch, index);
      const group = this.#file.add(lineRow(line, batch.times[index]!), line.length);
      if (group.length > 0) written.push(group);
    }
    return Buffer.concat(written);
  }

  end(): Buffer {
    return this.#file.end();
  }
}
