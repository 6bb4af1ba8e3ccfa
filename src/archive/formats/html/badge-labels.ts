/** What badges say, in a word or two. */

export interface BadgeLabel {
  text: string;
  /** Has a look of its own. */
  kind: 'moderator' | 'broadcaster' | 'vip' | 'subscriber' | '';
}

const KINDS: Record<string, BadgeLabel> = {
  moderator: { text: 'mod', kind: 'moderator' },
  lead_moderator: { text: 'lead mod', kind: 'moderator' },
  broadcaster: { text: 'host', kind: 'broadcaster' },
  vip: { text: 'vip', kind: 'vip' },
  subscriber: { text: 'sub', kind: 'subscriber' },
  founder: { text: 'founder', kind: 'subscriber' },
};
/** Their version is a number that people count by. */
const COUNTED = new Set(['subscriber', 'bits', 'sub-gifter', 'founder']);
const TEXT_CHARS_MAX = 24;

/** @param badge `subscriber/12` */
export function badgeLabel(badge: string): BadgeLabel {
  const [set = '', version = ''] = badge.split('/', 2);
  const { text, kind } = KINDS[set] ?? { text: set.replaceAll(/[_-]/g, ' '), kind: '' as const };
  const count = COUNTED.has(set) && Number(version) > 1 ? ` ${version}` : '';
  return { text: text.slice(0, TEXT_CHARS_MAX) + count, kind };
}
