import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { objectKey } from '../../src/segment-name.ts';
import { createDirectoryObjectStore } from '../../src/storage/directory-object-store.ts';
import { writeObjectBody } from '../../test/support/segments.ts';
import { chatHistory } from '../lib/chat-history.ts';
import { mebibytes, printTable, thousands } from '../lib/report.ts';
import { startIndex } from './api-process.ts';

/** `chatlog index` as it is shipped, over an archive in a directory: objects to rows, and the memory of it. */
export async function indexMemory(directory: string, url: string): Promise<void> {
  const archive = join(directory, 'archive-memory');
  await mkdir(archive);
  const store = await createDirectoryObjectStore(archive);
  const signal = new AbortController().signal;
  let lines = 0;
  let objects = 0;
  const startMs = Math.floor(Date.now() / 86_400_000) * 86_400_000 - 2 * 86_400_000;
  for (const segment of chatHistory({
    messages: 300_000,
    channels: 50,
    startMs,
    hours: 24,
    users: 100_000,
  })) {
    const stamp = new Date(segment.startMs).toISOString();
    const file = `twitch_${segment.channel}_${stamp.slice(0, 10).replaceAll('-', '')}_${stamp.slice(11, 13)}00.jsonl.zst`;
    const text = Buffer.concat(segment.lines.flatMap((line) => [line, Buffer.from('\n')]));
    await store.put(objectKey(file)!, await writeObjectBody(join(directory, file), text), signal);
    lines += segment.lines.length;
    objects++;
  }
  store.close();
  await writeFile(join(directory, 'ready'), '');
  const beganMs = performance.now();
  const running = await startIndex(directory, {
    data_dir: join(directory, 'data-memory'),
    archive: { directory: archive },
    database_url: url,
  });
  let peak = 0;
  const watching = setInterval(() => {
    peak = Math.max(peak, running.peakBytes());
  }, 100);
  const code = await running.ended;
  clearInterval(watching);
  const seconds = (performance.now() - beganMs) / 1000;
  if (code !== 0) throw new Error(`chatlog index ended with ${code}`);
  printTable(
    'chatlog index: a directory archive of zstd objects to rows',
    ['', ''],
    [
      ['objects, lines', `${thousands(objects)}, ${thousands(lines)}`],
      ['lines/s, start and listing included', thousands(lines / seconds)],
      ['memory at most', `${mebibytes(peak)} MiB`],
    ],
  );
}
