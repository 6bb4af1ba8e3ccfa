/**
 * What an importer of one kind of log is: it recognises a source by its beginning and its path, and reads it record by record
 * into events. Parsers are pure; who opens, decompresses and cuts sources is `read-source.ts`.
 */
import type { ChatEvent } from '../../event.ts';
import { ChatlogError } from '../../lib/errors.ts';
import type { LocalZone } from './local-zone.ts';

/** What the user states for logs that do not say it themselves. */
export interface ImportSettings {
  /** `twitch`, `irc-libera`, ... */
  platform?: string;
  channel?: string;
  zone?: LocalZone;
  /** The civil day of the first line, as ms of its midnight if it were UTC. */
  dayMs?: number;
}

/** What a source is known by before it is read. */
export interface SourceInfo {
  /** As messages name it. */
  path: string;
  /** The parts of its absolute path, without the extension of its compression; empty for standard input. */
  parts: readonly string[];
  /** Where it can be opened as it is: not from standard input, and not compressed. */
  file?: string;
  /** The first bytes, decompressed: 64 KiB at most. */
  head: Buffer;
  /** The whole lines of `head` that are not empty, 200 at most. */
  lines: readonly string[];
  settings: ImportSettings;
}

/** A line without its end (`\n` or `\r\n`). */
export interface LogLine {
  text: string;
  /** The exact bytes, where they are not UTF-8; `text` is then what Windows-1252 makes of them. */
  bytes?: Buffer;
}

/** What came of one record. */
export type Reading =
  | {
      event: ChatEvent;
      /** How exact its time is, in ms: 1000 where only seconds are told. Records of one such span keep their order. */
      exactMs?: number;
      /** The line of the archive that the record is already, to be kept byte for byte. */
      kept?: string;
    }
  /** It cannot be imported, and why; `text` is the record where the source has no lines. */
  | { reject: string; text?: string };

/** Headers, ends and empty lines. */
export const NOTHING: readonly Reading[] = [];

/** How the records of a source are had, and read. Readers never throw. */
export type SourceReader =
  | { kind: 'lines'; read(line: LogLine): readonly Reading[] }
  | {
      kind: 'json';
      /** The member of the outermost object whose elements are the records. */
      records: string;
      /** Other members that are asked for, each before the records where the file has it there. */
      members: readonly string[];
      member(name: string, value: unknown): void;
      read(record: unknown): readonly Reading[];
    }
  | { kind: 'file'; read(signal: AbortSignal): AsyncIterable<readonly Reading[]> };

export interface ImportFormat {
  /** As `--format` takes it. */
  readonly name: string;
  /** For lists of formats: `Chatterino logs`. */
  readonly title: string;
  /** Whether each line has to come back from its event byte for byte: nothing is added to it then, not even an id. */
  readonly isLossless?: true;
  /** What cannot be stated for it, since its records say it, each of its own. */
  readonly says?: readonly ('channel' | 'platform')[];
  /** Why a source is of this format, as the end of a sentence; undefined where it is not. */
  detect(info: SourceInfo): string | undefined;
  /** Throws {@link unclear} for what the source does not say and the settings do not either. */
  open(info: SourceInfo): SourceReader | Promise<SourceReader>;
}

/** Something has to be stated by the user before a source can be read. */
export function unclear(
  what: 'channel' | 'platform' | 'zone' | 'date' | 'source',
  hint: string,
): ChatlogError {
  const says = {
    channel: 'does not say of which channel it is',
    platform: 'does not say of which platform or network it is',
    zone: 'does not say in which time zone it was written',
    date: 'does not say of which day it is',
    source: 'cannot be read this way',
  };
  return new ChatlogError(`import_${what}_unknown`, says[what], { hint });
}

/** The zone stated for logs that tell local times. Throws {@link unclear}. */
export function demandZone({ settings }: Pick<SourceInfo, 'settings'>): LocalZone {
  if (settings.zone) return settings.zone;
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  throw unclear(
    'zone',
    `Add --timezone, such as UTC or Europe/Berlin${here ? ` (this machine: ${here})` : ''}.`,
  );
}
