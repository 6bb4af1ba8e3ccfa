import { createDirectoryObjectStore } from '../../src/storage/directory-object-store.ts';
import { putSegment } from '../../test/support/archive-objects.ts';
import { chatHistory } from './chat-history.ts';

export interface ChatArchive {
  directory: string;
  messages: number;
  channels: number;
  days: number;
  compression: 'zstd' | 'gzip';
}

const START_MS = Date.UTC(2026, 10, 1);

/** An archive of hours in a directory; the bytes of its lines. */
export async function makeArchive(archive: ChatArchive): Promise<number> {
  const { directory, messages, channels, days, compression } = archive;
  const store = await createDirectoryObjectStore(directory);
  const history = { messages, channels, startMs: START_MS, hours: 24 * days, users: 50_000 };
  let bytes = 0;
  for (const { channel, startMs, lines } of chatHistory(history)) {
    await putSegment(store, { platform: 'twitch', channel, startMs, compression }, lines.map(String));
    bytes += lines.reduce((sum, { length }) => sum + length + 1, 0);
  }
  return bytes;
}
