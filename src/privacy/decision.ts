/**
 * A decision: what somebody asked for. One small JSON object each, made once and never changed, that lies in the archive
 * below `chatlog-decisions/` and outlives every database. People stand in it only as digests of platform and user key, so
 * that whoever is forgotten is not named by the very thing that forgets them; channels and messages, which are no
 * persons, as they are.
 */
import { hash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { userKeyOf } from './privacy-gate.ts';

export const DECISION_PREFIX = 'chatlog-decisions/';

const digest = z.string().regex(/^[0-9a-f]{64}$/);

const common = {
  /** Begins with the time, so that names sort as the decisions follow each other. */
  id: z.string().regex(/^\d{8}T\d{9}Z-[0-9a-f]{12}$/),
  /** RFC 3339 UTC with milliseconds. */
  timestamp: z.iso.datetime(),
  platform: z.string().min(1),
  /** Name of the token that made it, `command`, or `self`. */
  by: z.string(),
};

/** {@link userDigest} of the user's key, and of `~` and each name they are known by. */
const user = z.object({ hash: digest, names: z.array(digest) });
const message = z.object({
  /** `messages.key`; see `message-key.ts`. */
  key: z.guid(),
  channel: z.string(),
  /** The message's own time, RFC 3339: no object of an earlier day holds it. */
  at: z.iso.datetime(),
});

const decisionSchema = z.discriminatedUnion('kind', [
  z.object({ ...common, kind: z.enum(['opt_out', 'opt_in']), user }),
  z.object({ ...common, kind: z.enum(['channel_opt_out', 'channel_opt_in']), channel: z.string() }),
  /** Lines of and about them up to `timestamp` go. */
  z.object({ ...common, kind: z.literal('forget'), user }),
  /** Soft: marked as deleted. */
  z.object({ ...common, kind: z.literal('delete_message'), message }),
  /** Hard: gone. */
  z.object({ ...common, kind: z.literal('purge_message'), message }),
]);

export type Decision = z.output<typeof decisionSchema>;
export type DecisionKind = Decision['kind'];
type DraftOf<D> = D extends Decision ? Omit<D, 'id' | 'timestamp'> : never;
/** A decision that is about to be made. */
export type DecisionDraft = DraftOf<Decision>;
export type PersonDigests = z.output<typeof user>;

/** @param nowMs ms since the epoch */
export function makeDecision(draft: DecisionDraft, nowMs: number): Decision {
  const timestamp = new Date(nowMs).toISOString();
  const id = `${timestamp.replace(/[-:.]/g, '')}-${randomBytes(6).toString('hex')}`;
  return { id, timestamp, ...draft } as Decision;
}

/** Undefined where the text is no decision of a kind that this version knows. */
export function parseDecision(text: string): Decision | undefined {
  try {
    return decisionSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

export function userDigest(platform: string, userKey: string): string {
  return hash('sha256', `${platform}\0${userKey}`, 'hex');
}

/** @param names logins and display names, in any case */
export function personDigests(platform: string, userKey: string, names: Iterable<string>): PersonDigests {
  const digests = [...names].map((name) => userDigest(platform, userKeyOf('', name)));
  return { hash: userDigest(platform, userKey), names: [...new Set(digests)].sort() };
}
