/** All formats; each is loaded when it is asked for. */
import type { LineFormat } from './format.ts';

export const FORMATS = {
  jsonl: async () => (await import('./jsonl.ts')).JSONL,
  csv: async () => (await import('./csv.ts')).CSV,
  text: async () => (await import('./text.ts')).TEXT,
  raw: async () => (await import('./raw.ts')).RAW,
  html: async () => (await import('./html/html.ts')).HTML,
  parquet: async () => (await import('./parquet/parquet.ts')).PARQUET,
} satisfies Record<string, () => Promise<LineFormat>>;

export type FormatName = keyof typeof FORMATS;

export const FORMAT_NAMES = Object.keys(FORMATS) as FormatName[];
