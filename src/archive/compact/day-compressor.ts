import type { Transform } from 'node:stream';
import { constants, createZstdCompress } from 'node:zlib';

/** As measured by `npm run bench:archive -- compact`. */
export const DAY_LEVEL = 19;
/** For day objects that are written again on the machine that records: ten times as fast, a tenth more. */
export const REWRITE_LEVEL = 12;
/** 8 MiB: what every reader of zstd takes without being asked to, and a small machine has. */
const WINDOW_LOG = 23;

/** @param level 1 to 22. Memory: 16 MB, above level 15 about 32 MB, whatever the level would take by itself. */
export function createDayCompressor(level: number = DAY_LEVEL): Transform {
  const [chainLog, hashLog] = level > 15 ? [22, 20] : [20, 20];
  return createZstdCompress({
    params: {
      [constants.ZSTD_c_compressionLevel]: level,
      [constants.ZSTD_c_windowLog]: WINDOW_LOG,
      [constants.ZSTD_c_chainLog]: chainLog,
      [constants.ZSTD_c_hashLog]: hashLog,
      [constants.ZSTD_c_checksumFlag]: 1,
    },
  });
}
