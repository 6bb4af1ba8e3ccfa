/** Everything that a run left on its machine: the archive, and what of the spool is not in the archive, too. */
import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { rebuildTwitchLine } from '../../src/connectors/twitch/rebuild-twitch-line.ts';
import type { ChatEvent } from '../../src/event.ts';
import { eventsOf, type ReadFile, readArchive, readSpool } from './read-archive.ts';

/**
 * Events of the archive and the spool below a directory that {@link runChatlog} was given. A segment on its way may
 * lie in both: it counts once where name and content are the same. Ask when Chatlog is not running, or poll.
 */
export async function recordedIn(directory: string): Promise<ChatEvent[]> {
  const spool = await readSpool(join(directory, 'data'));
  const archive = await readArchive(join(directory, 'archive'));
  return eventsOf([...new Map([...spool, ...archive].map((file) => [identityOf(file), file])).values()]);
}

/** The lines that a platform said: no gaps, and not the state of a room, which every join brings again. */
export function saidOf(events: readonly ChatEvent[]): ChatEvent[] {
  return events.filter(({ type, platform_event }) => type !== 'gap' && platform_event !== 'ROOMSTATE');
}

/** Outages. The time that the first join took is no outage; on a busy machine it is long enough to be a gap, too. */
export function gapsOf(events: readonly ChatEvent[], channel?: string): ChatEvent[] {
  return events.filter(
    (event) =>
      event.type === 'gap' && event.reason !== 'joining' && (channel ?? event.channel) === event.channel,
  );
}

/** What is wrong with what was recorded of Twitch, against what was said: by id where there is one, else by line. */
export function compareTwitch(
  events: readonly ChatEvent[],
  lines: readonly string[],
): { missing: string[]; doubled: string[]; foreign: string[] } {
  const counts = new Map<string, number>();
  for (const event of saidOf(events)) {
    const key = event.id ?? rebuildTwitchLine(event);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const wanted = new Set(lines.map(keyOf));
  return {
    missing: [...wanted].filter((key) => !counts.has(key)),
    doubled: [...counts].filter(([, count]) => count > 1).map(([key]) => key),
    foreign: [...counts.keys()].filter((key) => !wanted.has(key)),
  };
}

export const NOTHING_WRONG = { missing: [], doubled: [], foreign: [] };

function keyOf(line: string): string {
  return /^@(?:[^ ]*;)?id=([^; ]+)/.exec(line)?.[1] ?? line;
}

function identityOf({ path, content }: ReadFile): string {
  const stem = basename(path).replace(/\.jsonl.*$/, '');
  return `${stem} ${createHash('sha256').update(content).digest('hex')}`;
}
