/**
 * What the log viewers' routes take, for the API's description. Nothing is refused here: these clients send much that
 * nobody knows, and what is wrong is said in their own words (`log-parameters.ts`).
 */
import { z } from 'zod';

function text(description: string, example: string) {
  return z
    .unknown()
    .meta({ type: 'string', description, examples: [example] })
    .optional();
}

function flag(description: string) {
  return text(`${description} Its presence counts, whatever its value.`, '');
}

const channel = z.string().meta({
  description: 'Login of the channel, with or without `#`; below `/channelid/` the platform’s id of it.',
  examples: ['forsen'],
});
const user = z.string().meta({
  description: 'Login of the user; below `/userid/` the platform’s id.',
  examples: ['ann'],
});
const year = z.string().meta({ description: 'Four digits, UTC.', examples: ['2026'] });
const month = z.string().meta({ description: '1 to 12, padded or not.', examples: ['1'] });
const day = z.string().meta({ description: '1 to 31, padded or not.', examples: ['31'] });
const part = { channel, user, year, month, day };

/** Of the parameters that a path names (`/channel/:channel/:year`). */
export function pathSchema(path: string) {
  const names = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name as keyof typeof part);
  return z.object(Object.fromEntries(names.map((name) => [name, part[name]])));
}

const range = {
  from: text(
    'From this time on: RFC 3339, or Unix seconds. Now where only `to` is given.',
    '2026-01-31T12:00:00Z',
  ),
  to: text(
    'Before this time (RFC 3339), or up to this second. Now where only `from` is given.',
    '1769860800',
  ),
};
const formats = {
  raw: flag('The lines exactly as the platform sent them.'),
  jsonBasic: flag('JSON without `username`, `channel`, `raw` and `type`.'),
  json: flag('`{"messages":[...]}`.'),
  ndjson: flag('One such message a line.'),
  type: text('`raw` or `json`, as an older way to say it.', 'json'),
};

export const rangeQuery = z.looseObject(range);
export const logQuery = z.looseObject({
  ...formats,
  reverse: flag('Newest first.'),
  limit: text('Lines at most.', '100'),
  offset: text('Lines to pass over first.', '0'),
});
export const newestQuery = logQuery.extend(range);
export const randomQuery = z.looseObject(formats);
export const searchQuery = newestQuery.extend({
  q: text('What the text contains, in upper or lower case.', 'hello'),
});
export const listQuery = z.looseObject({
  channel: text('Login of the channel.', 'forsen'),
  channelid: text('The platform’s id of the channel, in place of its login.', '22484632'),
  user: text('Login of a user: then their months are listed.', 'ann'),
  userid: text('The platform’s id of a user, in place of their login.', '7'),
});
