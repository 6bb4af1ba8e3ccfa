/** The part of the file system that the write path uses; tests put faults between. */
import * as fs from 'node:fs/promises';
import { syncDirectory } from '../spool.ts';

export interface SegmentFileSystem {
  open(path: string, flags: string): Promise<fs.FileHandle>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  syncDirectory(path: string): Promise<void>;
  /** Bytes that this process may still write to the file system of a path. */
  freeBytes(path: string): Promise<number>;
}

export const systemFileSystem: SegmentFileSystem = {
  open: fs.open,
  rename: fs.rename,
  unlink: fs.unlink,
  syncDirectory,
  freeBytes: async (path) => {
    const { bavail, bsize } = await fs.statfs(path);
    return bavail * bsize;
  },
};
