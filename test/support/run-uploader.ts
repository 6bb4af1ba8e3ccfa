/** A process of its own that uploads a spool into a directory, to be killed: `node run-uploader.ts SPOOL ARCHIVE`. */
import { configSchema } from '../../src/config/schema.ts';
import { openSpool } from '../../src/spool.ts';
import { createDirectoryObjectStore } from '../../src/storage/directory-object-store.ts';
import { createUploader } from '../../src/uploading/uploader.ts';
import { memoryLogger } from './segments.ts';

const [root, archive] = process.argv.slice(2);
const uploader = createUploader({
  spool: await openSpool(root!),
  store: await createDirectoryObjectStore(archive!),
  config: configSchema.parse({ recorder: { min_free_bytes: 0 } }),
  log: memoryLogger(),
  now: Date.now,
  mayDelete: () => true,
});
process.send?.('started');
const stopping = new AbortController();
process.once('message', () => stopping.abort());
const running = uploader.run(stopping.signal);
const poll = setInterval(() => process.send?.(uploader.status().uploaded), 20);
await running;
clearInterval(poll);
process.disconnect?.();
