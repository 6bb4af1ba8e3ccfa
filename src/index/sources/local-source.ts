/** By which name the ledger knows the segments of one data directory, on whichever machine it is. */
import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { ifMissing, systemErrorCode } from '../../lib/system-error.ts';
import type { Spool } from '../../spool.ts';

const FILE = 'index-source';

/** `local:3f9a03c41d2e5b60`; made once for each data directory. */
export async function localSource(spool: Spool): Promise<string> {
  const path = spool.path('state', FILE);
  const known = await read(path);
  if (known !== undefined) return `local:${known}`;
  const made = randomBytes(8).toString('hex');
  const temporary = `${path}.${made}.tmp`;
  await writeFile(temporary, `${made}\n`, { flush: true });
  try {
    // Of two processes that begin at the same time, one makes the name of both.
    await link(temporary, path);
  } catch (error) {
    // It may be there and hold nothing, after a power loss.
    if (systemErrorCode(error) !== 'EEXIST' || (await read(path)) === undefined)
      await rename(temporary, path);
  }
  await rm(temporary, { force: true });
  return `local:${(await read(path)) ?? made}`;
}

async function read(path: string): Promise<string | undefined> {
  const text = (await readFile(path, 'utf8').catch(ifMissing))?.trim() ?? '';
  return /^[0-9a-f]{16}$/.test(text) ? text : undefined;
}
