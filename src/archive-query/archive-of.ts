import type { ApiContext } from '../api/api-context.ts';
import { ArchiveReader } from './archive-reader.ts';

const readers = new WeakMap<ApiContext, ArchiveReader>();

/** The one reader of the archive that all routes of an API share: its limits are theirs together. */
export function archiveOf(context: ApiContext): ArchiveReader {
  const { store, privacy, log } = context;
  const reader = readers.get(context) ?? new ArchiveReader({ store, privacy, log });
  readers.set(context, reader);
  return reader;
}
