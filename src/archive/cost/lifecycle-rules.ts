/** Rules that a bucket carries out by itself: what Chatlog proposes, and how they go together with other people's. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { LifecycleRule, TransitionStorageClass } from '@aws-sdk/client-s3';

export interface LifecycleOptions {
  /** `s3.prefix`: what the keys of the archive begin with. */
  prefix: string;
  transitions: readonly { days: number; storageClass: TransitionStorageClass }[];
  expireDays: number | undefined;
}

/** Whose rules are ours. */
const ID_PREFIX = 'chatlog-';
/** Keys of segments and manifests begin with their year. Decisions, exports and Parquet are left alone. */
const CENTURY = '20';
const ABORT_DAYS = 1;

/** Classes from which an object can be read at once; what lies in another one is lost to every command until it is restored. */
const READABLE_CLASSES = ['STANDARD_IA', 'ONEZONE_IA', 'INTELLIGENT_TIERING', 'GLACIER_IR'] as const;
/** What S3 refuses to move there sooner. */
const INFREQUENT_DAYS_MIN = 30;

/** `STANDARD_IA:30` */
export function parseTransition(text: string): LifecycleOptions['transitions'][number] | { problem: string } {
  const match = /^([A-Z_]+):(\d{1,5})$/i.exec(text);
  const storageClass = READABLE_CLASSES.find((name) => name === match?.[1]?.toUpperCase());
  const days = Number(match?.[2]);
  if (match && /^(GLACIER|DEEP_ARCHIVE)$/i.test(match[1]!))
    return {
      problem: `${match[1]} has to be restored before anything can be read: no command of chatlog could`,
    };
  if (!storageClass || days === 0)
    return {
      problem: `should be a class and days such as STANDARD_IA:30; classes are ${READABLE_CLASSES.join(', ')}`,
    };
  if (storageClass.endsWith('_IA') && days < INFREQUENT_DAYS_MIN)
    return { problem: `${storageClass} takes objects after ${INFREQUENT_DAYS_MIN} days at the earliest` };
  return { storageClass, days };
}

export function lifecycleRules({ prefix, transitions, expireDays }: LifecycleOptions): LifecycleRule[] {
  const name = prefix.replace(/[^A-Za-z0-9]+/g, '-').replace(/^-|-$/g, '');
  const rule = (what: string, filter: string, action: Partial<LifecycleRule>): LifecycleRule => ({
    ID: `${ID_PREFIX}${what}${name === '' ? '' : `-${name}`}`,
    Status: 'Enabled',
    Filter: { Prefix: filter },
    ...action,
  });
  const segments = `${prefix}${CENTURY}`;
  return [
    rule('abort-incomplete-uploads', prefix, {
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: ABORT_DAYS },
    }),
    ...transitions.map(({ days, storageClass }) =>
      rule(`transition-${storageClass.toLowerCase().replaceAll('_', '-')}`, segments, {
        Transitions: [{ Days: days, StorageClass: storageClass }],
      }),
    ),
    ...(expireDays === undefined ? [] : [rule('expire', segments, { Expiration: { Days: expireDays } })]),
  ];
}

export interface LifecycleChange {
  /** What the bucket gets. */
  rules: LifecycleRule[];
  added: LifecycleRule[];
  removed: LifecycleRule[];
  /** Of others, and of ours those that are as they should be. */
  kept: LifecycleRule[];
}

/** Puts the rules in the place of earlier ones of this archive; all others stay as they are. */
export function mergeRules(
  present: readonly LifecycleRule[],
  wanted: readonly LifecycleRule[],
  prefix: string,
): LifecycleChange {
  const scopes = [prefix, `${prefix}${CENTURY}`];
  const isOurs = ({ ID, Filter, Prefix }: LifecycleRule) =>
    (ID?.startsWith(ID_PREFIX) ?? false) && scopes.includes(Filter?.Prefix ?? Prefix ?? '');
  const isSame = (a: LifecycleRule) => (b: LifecycleRule) => isDeepStrictEqual(plain(a), plain(b));
  const removed = present.filter((rule) => isOurs(rule) && !wanted.some(isSame(rule)));
  const kept = present.filter((rule) => !removed.includes(rule));
  const added = wanted.filter((rule) => !present.some(isSame(rule)));
  return { rules: [...kept, ...added], added, removed, kept };
}

/** What says the same in another way: an empty filter, the older `Prefix` in place of one, members without a value. */
function plain({ Filter, Prefix, ...rule }: LifecycleRule): unknown {
  const isPrefix = Filter === undefined || Object.keys(Filter).every((member) => member === 'Prefix');
  const filter = isPrefix ? { Prefix: Filter?.Prefix ?? Prefix ?? '' } : Filter;
  const withoutEmpty = (_: string, member: unknown) =>
    Array.isArray(member) && member.length === 0 ? undefined : member;
  return JSON.parse(JSON.stringify({ ...rule, Filter: filter }, withoutEmpty));
}
