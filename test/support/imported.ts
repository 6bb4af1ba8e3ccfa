/** What an importer makes of a text, through everything that a file goes through: opened, recognised, cut, read. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { detectFormat } from '../../src/archive/import/detect-format.ts';
import type { ImportFormat, ImportSettings } from '../../src/archive/import/import-format.ts';
import { LocalZone } from '../../src/archive/import/local-zone.ts';
import { openSource } from '../../src/archive/import/read-source.ts';
import type { ChatEvent } from '../../src/event.ts';
import { chatEventSchema } from '../../src/event-schema.ts';
import { tempDir } from './temp-dir.ts';

export interface Imported {
  format: string;
  why: string;
  events: ChatEvent[];
  rejects: { line: number; reason: string; text: string }[];
}

export interface ImportedOptions extends Omit<ImportSettings, 'zone'> {
  /** Below a directory of its own; decides what the path says. */
  path?: string;
  zone?: string;
  format?: ImportFormat;
}

const NEVER = new AbortController().signal;

/** Every event is checked against the schema, and has its members in the order of a line. */
export async function imported(
  content: string | Uint8Array,
  options: ImportedOptions = {},
): Promise<Imported> {
  const { path = 'log.txt', zone, format: named, ...settings } = options;
  await using directory = await tempDir('import');
  const file = directory.join(path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
  const zoneSetting = zone === undefined ? undefined : LocalZone.of(zone);
  await using source = await openSource(file, { ...settings, zone: zoneSetting });
  const { format, why } = detectFormat(source.info, named);
  const result: Imported = { format: format.name, why, events: [], rejects: [] };
  for await (const { readings, line, original } of source.records(await format.open(source.info), NEVER)) {
    for (const reading of readings) {
      if ('reject' in reading) {
        result.rejects.push({ line, reason: reading.reject, text: reading.text ?? original().toString() });
        continue;
      }
      const event = JSON.parse(JSON.stringify(reading.event)) as ChatEvent;
      chatEventSchema.parse(event);
      result.events.push(event);
    }
  }
  return result;
}

/** The event without what all events of a source share, for tests to compare. */
export function brief(event: ChatEvent): Partial<ChatEvent> {
  const { platform: _, channel: __, source: ___, ...rest } = event;
  const entries = Object.entries(rest).filter(([, value]) => value !== '');
  return Object.fromEntries(entries) as Partial<ChatEvent>;
}
