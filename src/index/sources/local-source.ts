/** By which name the ledger knows the segments of one data directory, on whichever machine it is. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { systemErrorCode } from '../../lib/system-error.ts';
import { writeFileAtomic } from '../../lib/write-file-atomic.ts';
import type { Spool } from '../../spool.ts';

const FILE = 'index-source';

/** `local:3f9a03c41d2e5b60`; made once for each data directory. */
export async function localSource(spool: Spool): Promise<string> {
  const path = spool.path('state', FILE);
  const id = await read(path);
  if (id !== undefined) return `local:${id}`;
  const made = randomBytes(8).toString('hex');
  await writeFileAtomic(path, `${made}\n`);
  // Of two that begin at the same time both take what stands there in the end.
  return `local:${(await read(path)) ?? made}`;
}

async function read(path: string): Promise<string | undefined> {
  try {
    const text = (await readFile(path, 'utf8')).trim();
    return /^[0-9a-f]{16}$/.test(text) ? text : undefined;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
