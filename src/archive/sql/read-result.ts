/** A result of DuckDB as plain values, batch by batch. */
import type { DuckDBResult, DuckDBType } from '@duckdb/node-api';
import { failure } from './chat-database.ts';
import type { DuckDb } from './duckdb.ts';

export interface ResultColumn {
  name: string;
  isNumber: boolean;
}

/** What JSON knows; times are texts, as DuckDB writes them; numbers that JavaScript cannot hold are texts. */
export type PlainValue = string | number | boolean | null | PlainValue[] | { [name: string]: PlainValue };

const NUMBERS = /^(?:U?(?:TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL\(.*\))$/;

export function resultColumns(result: DuckDBResult): ResultColumn[] {
  const types = result.columnTypes();
  return result
    .deduplicatedColumnNames()
    .map((name, index) => ({ name, isNumber: NUMBERS.test(String(types[index])) }));
}

/**
 * Throws `sql_failed`.
 * @param isForJson values become members of JSON: what a column holds as JSON is parsed, decimals are numbers. Else both are the
 * texts that DuckDB has, in which no digit is lost.
 */
export async function* resultRows(
  result: DuckDBResult,
  duckdb: DuckDb,
  isForJson: boolean,
): AsyncGenerator<PlainValue[][]> {
  const columns = result.columnTypes().map((type) => plainOf(type, isForJson));
  try {
    for await (const rows of result.yieldConvertedRows(duckdb.JsonDuckDBValueConverter))
      yield rows.map((row) => row.map((value, index) => columns[index]!(value as PlainValue)));
  } catch (error) {
    throw failure(error);
  }
}

function plainOf(type: DuckDBType, isForJson: boolean): (value: PlainValue) => PlainValue {
  const name = String(type);
  if (isForJson && (type as { alias?: string }).alias === 'JSON') return parsed;
  return NUMBERS.test(name) && (isForJson || !name.startsWith('DECIMAL')) ? toNumber : (value) => value;
}

function toNumber(value: PlainValue): PlainValue {
  if (typeof value !== 'string') return value;
  const number = Number(value);
  return Number.isFinite(number) && (Number.isSafeInteger(number) || !Number.isInteger(number))
    ? number
    : value;
}

function parsed(value: PlainValue): PlainValue {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value) as PlainValue;
  } catch {
    return value;
  }
}
