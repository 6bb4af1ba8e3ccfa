/** Picks the storage that the configuration asks for. The SDK (some 15 MB) is loaded only where it is S3. */
import type { Config } from '../config/schema.ts';
import type { Logger } from '../lib/logger.ts';
import { createDirectoryObjectStore } from './directory-object-store.ts';
import type { ObjectStore } from './object-store.ts';

/** Reaches out to nothing yet. Throws the system's error where a directory or a certificate file is unusable. */
export async function createObjectStore(
  config: Pick<Config, 's3' | 'archive' | 'upload'>,
  log: Logger,
): Promise<ObjectStore> {
  if (!config.s3) return createDirectoryObjectStore(config.archive.directory);
  const { createS3ObjectStore } = await import('./s3-object-store.ts');
  return createS3ObjectStore(config.s3, { log, singlePutMaxBytes: config.upload.single_put_max_bytes });
}
