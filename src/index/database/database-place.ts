/** Where a database is, in words and on the disk. Loads no driver. */
import { join } from 'node:path';

/** `host:port/database`: nothing secret. */
export function describeUrl(url: string): string {
  if (!URL.canParse(url)) return 'the configured address';
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}

/** Of the embedded database. */
export function indexDirectory(dataDir: string): string {
  return join(dataDir, 'index');
}
