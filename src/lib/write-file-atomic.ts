import { open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncDirectory } from '../spool.ts';
import { systemErrorCode } from './system-error.ts';

/**
 * Replaces a file's content: other readers see the old text or the new one, never a part, also after a power loss.
 * Mode and, where allowed, owner stay; a symbolic link stays one. Throws the system's error and leaves the old file.
 */
export async function writeFileAtomic(file: string, content: string): Promise<void> {
  const target = await realpath(file).catch(() => file);
  const before = await stat(target).catch(() => undefined);
  const temporary = join(dirname(target), `.${basename(target)}.${process.pid}.tmp`);
  try {
    await writeDurably(temporary, content, before);
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    // A file mounted into a container on its own cannot be replaced, only written.
    if (!['EBUSY', 'EXDEV'].includes(systemErrorCode(error) ?? '')) throw error;
    await writeDurably(target, content, before);
    return;
  }
  await syncDirectory(dirname(target));
}

async function writeDurably(
  path: string,
  content: string,
  like: { mode: number; uid: number; gid: number } | undefined,
): Promise<void> {
  const handle = await open(path, 'w', like ? like.mode & 0o777 : 0o644);
  try {
    if (like) {
      await handle.chmod(like.mode & 0o777);
      await handle.chown(like.uid, like.gid).catch(() => {});
    }
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
