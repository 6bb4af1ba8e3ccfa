/** What verifying can find. */

/** What is wrong: verifying fails. `docs/archive-tools.md` says of each what it means and what to do. */
export const PROBLEM_CODES = [
  'object_missing',
  'object_corrupt',
  'object_truncated',
  'object_doubled',
  'object_unreadable',
  'metadata_missing',
  'metadata_wrong',
  'line_malformed',
  'wrong_hour',
  'order',
  'manifest_stale',
  'manifest_corrupt',
  'foreign_file',
] as const;
export type ProblemCode = (typeof PROBLEM_CODES)[number];

export interface Problem {
  code: ProblemCode;
  key: string;
  /** What was found. */
  message: string;
  /** Set where it is mended. */
  repaired?: true;
  /** Why it could not be, where that was tried. */
  unrepaired?: string;
}

/** What may be as it should: worth a look, and no failure. */
export interface Notice {
  code: 'hole' | 'order' | 'not_compacted';
  /** A channel (`twitch/xqc`), a platform (`twitch`) or a key. */
  subject: string;
  message: string;
}

/** What to do about each, in a sentence. */
export const ADVICE: Record<ProblemCode, string> = {
  object_missing:
    '--repair puts it back from data_dir where a copy is left; --accept-loss takes it out of the manifest.',
  object_corrupt:
    '--repair replaces it from data_dir where a copy is left; else a backup of the storage has to.',
  object_truncated:
    '--repair replaces it from data_dir where a copy is left; else a backup of the storage has to.',
  object_doubled: 'The same lines lie there twice; readers count them once. Remove one of the two by hand.',
  object_unreadable: 'The storage did not give it out. Verify again when it does.',
  metadata_missing: '--repair puts it again from data_dir where a copy is left. It can be read as it is.',
  metadata_wrong: '--repair puts it again from data_dir where a copy is left. It can be read as it is.',
  line_malformed: 'Readers pass over such lines. Chatlog writes none: find out what wrote the object.',
  wrong_hour:
    'Who asks for a stretch of time or a channel does not find these lines. Move the object to its own key.',
  order: 'Engines that take a day object for sorted answer wrongly: make it again with "chatlog compact".',
  manifest_stale: '--repair writes the next generation.',
  manifest_corrupt: '--repair writes the next generation.',
  foreign_file: 'No command of Chatlog reads it. Move it elsewhere.',
};
