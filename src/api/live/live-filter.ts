/** What somebody wants to see of the live feed: as parameters, and as subjects and a test. */
import { z } from 'zod';
import { type ArchiveUser, concerns } from '../../archive-query/archive-request.ts';
import type { LiveOptions } from '../../channel/live-feed.ts';
import { subjectToken } from '../../channel/subject.ts';
import { type ChatEvent, EVENT_TYPES } from '../../event.ts';
import { plainText } from '../../index/database-text.ts';
import { sinceParameter, typesParameter, userParameter } from '../parameters.ts';

const NAMES_CHARS_MAX = 2_000;

export const liveQuery = z.object({
  channel: z
    .string()
    .min(1)
    .max(NAMES_CHARS_MAX)
    .meta({
      description:
        'Names of channels, with commas between them; `*` stands for any text, `?` for any character. With or without `#`, in upper or lower case.',
      examples: ['xqc,x*'],
    })
    .optional(),
  platform: z
    .string()
    .min(1)
    .max(NAMES_CHARS_MAX)
    .meta({ description: 'As `channel`: `twitch`, `irc-*`.', examples: ['twitch'] })
    .optional(),
  user: userParameter.optional(),
  type: typesParameter(
    EVENT_TYPES,
    'Only lines of this type, or of several with commas between them; all by default.',
  ).optional(),
  search: z
    .string()
    .min(1)
    .max(200)
    .meta({ description: 'A text that the message holds, in upper or lower case.', examples: ['hello'] })
    .optional(),
  since: sinceParameter.optional(),
});
export type LiveQuery = z.output<typeof liveQuery>;

export function liveFilter({
  channel,
  platform,
  user,
  type,
  search,
}: LiveQuery): Pick<LiveOptions, 'subjects' | 'matches'> {
  const platforms = listOf(platform).map((glob) => subjectToken(glob, { isPattern: true }));
  const channels = listOf(channel).flatMap((glob) => {
    const bare = subjectToken(glob.replace(/^#/, ''), { isPattern: true });
    return [bare, subjectToken('#') + bare];
  });
  const types = type === undefined || type === 'all' ? [] : type;
  const subjects = orAll(platforms).flatMap((ofPlatform) =>
    orAll(channels).flatMap((name) => orAll(types).map((of) => `${ofPlatform}.${name}.${of}`)),
  );
  return { subjects, matches: matcher(user === undefined ? undefined : userOf(plainText(user)), search) };
}

function listOf(text: string | undefined): string[] {
  const names = text?.split(',').map((name) => name.trim());
  return names?.filter((name) => name !== '') ?? [];
}

function orAll(list: readonly string[]): readonly string[] {
  return list.length === 0 ? ['*'] : list;
}

function userOf(text: string): ArchiveUser {
  const id = /^id:(.+)$/su.exec(text)?.[1];
  return id === undefined ? { id: undefined, logins: [text.toLowerCase()] } : { id, logins: [] };
}

function matcher(
  user: ArchiveUser | undefined,
  search: string | undefined,
): ((event: ChatEvent) => boolean) | undefined {
  if (user === undefined && search === undefined) return undefined;
  const text = search?.toLowerCase();
  return (event) =>
    (user === undefined || concerns(event, user)) &&
    (text === undefined ||
      event.message.toLowerCase().includes(text) ||
      (event.system_message?.toLowerCase().includes(text) ?? false));
}
