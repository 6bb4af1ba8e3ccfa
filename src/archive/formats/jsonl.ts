/** Lines as they were recorded, byte for byte. */
import type { PlainFormat } from './format.ts';

export const JSONL: PlainFormat = {
  kind: 'plain',
  extension: '.jsonl',
  header: () => Buffer.alloc(0),
  convert: ({ bytes }) => bytes,
  footer: () => Buffer.alloc(0),
};
