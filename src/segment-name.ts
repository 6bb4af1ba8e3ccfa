/**
 * Names of segments: local file name, object key, and back.
 *
 *     file  {platform}_{channel}_{YYYYMMDD}_{HHMM}[-suffix].jsonl[.gz|.zst]
 *     key   {year}/{month}/{day}/{platform}/{channel}/{file}
 *
 * Date and minute are those of the first line's own time, UTC. Platform and channel are encoded by
 * {@link encodeName}, so that no name a platform can think of leaves its directory or breaks a file system.
 */
import { createHash } from 'node:crypto';

export type Compression = 'none' | 'gzip' | 'zstd';

const EXTENSIONS: Record<Compression, string> = { none: '', gzip: '.gz', zstd: '.zst' };

/** Longest encoded name; with date, suffix and extension a file name stays below 255 bytes. */
const ENCODED_MAX = 120;

const RESERVED_ON_WINDOWS = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/;

/**
 * Encodes any text to `[a-z0-9._-]` and `%XX` (upper-case hex of its UTF-8 bytes), reversibly. Dots at either end
 * and the first letter of a name that Windows reserves are encoded too. The one exception to reversibility: where
 * more than 120 bytes would result, the name is cut and `%%` with the first 32 hex digits of its SHA-256 appended
 * (every line carries the full name).
 */
export function encodeName(name: string): string {
  let encoded = '';
  for (const byte of Buffer.from(name.toWellFormed(), 'utf8')) encoded += encodeByte(byte);
  encoded = encoded.replace(/^\./, '%2E').replace(/\.$/, '%2E');
  if (RESERVED_ON_WINDOWS.test(encoded)) encoded = hexByte(encoded.charCodeAt(0)) + encoded.slice(1);
  if (encoded === '') return '%%';
  if (encoded.length <= ENCODED_MAX) return encoded;
  const digest = createHash('sha256').update(name.toWellFormed()).digest('hex').slice(0, 32);
  const head = encoded.slice(0, ENCODED_MAX - 34).replace(/%[0-9A-F]?$/, '');
  return `${head}%%${digest}`;
}

/** The name that was encoded; undefined where it was too long to be kept whole, or is not ours. */
export function decodeName(encoded: string): string | undefined {
  if (encoded === '%%') return '';
  if (!/^(?:[a-z0-9._-]|%[0-9A-F]{2})+$/.test(encoded)) return undefined;
  const name = decodeURIComponentOrUndefined(encoded);
  return name !== undefined && encodeName(name) === encoded ? name : undefined;
}

/** Whether {@link encodeName} could have made it; what it could not (`..`) is no part of a path. */
function isEncodedName(encoded: string): boolean {
  if (decodeName(encoded) !== undefined) return true;
  const isCut = /^(?:[a-z0-9_%A-F-][a-z0-9._%A-F-]*)?%%[0-9a-f]{32}$/.test(encoded);
  return isCut && encoded.length <= ENCODED_MAX && !RESERVED_ON_WINDOWS.test(encoded);
}

/** One segment's name in its parts; `platform` and `channel` in their encoded form. */
export interface SegmentName {
  platform: string;
  channel: string;
  /** Start of the first line's minute, ms since the epoch. */
  startMs: number;
  /** Tells segments of the same minute apart: '' or `-2`, `-1f9a03c4`. */
  suffix: string;
}

export function segmentFile(name: SegmentName, compression: Compression): string {
  const iso = new Date(name.startMs).toISOString();
  const day = iso.slice(0, 10).replaceAll('-', '');
  const minute = iso.slice(11, 13) + iso.slice(14, 16);
  // `_` separates the parts, and only the channel may hold one.
  const platform = name.platform.replaceAll('_', '%5F');
  return `${platform}_${name.channel}_${day}_${minute}${name.suffix}.jsonl${EXTENSIONS[compression]}`;
}

/** Of a segment or an object, by its name or key; also where a number was added to make the name another. */
export function compressionOf(file: string): Compression {
  if (/\.zst(\.\d+)?$/.test(file)) return 'zstd';
  return /\.gz(\.\d+)?$/.test(file) ? 'gzip' : 'none';
}

/** The file's name without the compression's extension: the same wherever the segment lies, local or stored. */
export function uncompressedName(file: string): string {
  return file.replace(/\.(gz|zst)$/, '');
}

const FILE_PATTERN =
  /^([a-z0-9.%A-F-]+)_([a-z0-9._%A-F-]+)_(\d{4})(\d{2})(\d{2})_(\d{2})(\d{2})((?:-[a-z0-9]+)*)\.jsonl(\.gz|\.zst)?$/;

/** `twitch/xqc`: platform and channel as they stand in keys and, from {@link parseSegmentFile}, in file names. */
export function channelPath(platform: string, channel: string): string {
  return `${encodeName(platform)}/${encodeName(channel)}`;
}

/** Undefined where the file is not a segment of ours. */
export function parseSegmentFile(file: string): (SegmentName & { compression: Compression }) | undefined {
  const match = FILE_PATTERN.exec(file);
  if (!match) return undefined;
  const [, platform, channel, year, month, day, hour, minute, suffix, extension] = match;
  const startMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:00.000Z`);
  if (Number.isNaN(startMs)) return undefined;
  const compression = extension === '.gz' ? 'gzip' : extension === '.zst' ? 'zstd' : 'none';
  const name = { platform: platform!.replaceAll('%5F', '_'), channel: channel!, startMs, suffix: suffix! };
  if (!isEncodedName(name.platform) || !isEncodedName(name.channel)) return undefined;
  return segmentFile(name, compression) === file ? { ...name, compression } : undefined;
}

/** `2026/11/21/twitch/xqc/twitch_xqc_20261121_1300.jsonl.zst`; undefined where the file is not a segment of ours. */
export function objectKey(file: string): string | undefined {
  const name = parseSegmentFile(file);
  if (!name) return undefined;
  const [year, month, day] = new Date(name.startMs).toISOString().slice(0, 10).split('-');
  return `${year}/${month}/${day}/${name.platform.replaceAll('_', '%5F')}/${name.channel}/${file}`;
}

function encodeByte(byte: number): string {
  const plain =
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x30 && byte <= 0x39) ||
    byte === 0x2e ||
    byte === 0x5f ||
    byte === 0x2d;
  return plain ? String.fromCharCode(byte) : hexByte(byte);
}

function hexByte(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

function decodeURIComponentOrUndefined(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
