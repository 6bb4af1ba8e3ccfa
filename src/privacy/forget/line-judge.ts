/** What a decision makes of each line of an archive: of one that forgets a person, and of one that removes a message. */
import type { ChatEvent } from '../../event.ts';
import { messageKey } from '../../index/message-key.ts';
import type { IndexedLine } from '../../index/message-row.ts';
import { type Decision, userDigest } from '../decision.ts';
import { type Person, redactEvent } from '../redact-event.ts';

export type Verdict = 'keep' | 'remove' | ChatEvent;

export interface LineJudge {
  readonly platform: string;
  /** Only lines of this channel can be concerned; all where left out. */
  readonly channel?: string;
  /** False where the line is certainly to be kept; costs less than {@link judge}. */
  mayConcern(text: string): boolean;
  judge(line: Pick<IndexedLine, 'event' | 'timeMs' | 'key'>): Verdict;
  /** Of what is no line of ours. */
  judgeUnreadable(text: string): 'keep' | 'remove';
}

/** Decisions that are carried out in files. */
export type ForgettingDecision = Extract<Decision, { kind: 'forget' | 'purge_message' }>;

/**
 * @param needles id and names of the person in clear, which spare a closer look at most lines. A decision that was made
 * elsewhere or by an earlier run has none: then each line is looked at.
 */
export function lineJudge(decision: ForgettingDecision, needles?: readonly string[]): LineJudge {
  return decision.kind === 'forget' ? personJudge(decision, needles) : messageJudge(decision);
}

const REMEMBERED_MAX = 50_000;
const WORD = /[\p{L}\p{N}_\-[\]\\^{}|`]+/gu;

function personJudge(
  { platform, user, timestamp }: Extract<Decision, { kind: 'forget' }>,
  needles: readonly string[] | undefined,
): LineJudge {
  const digests = new Set([user.hash, ...user.names]);
  const untilMs = Date.parse(timestamp);
  let remembered = new Map<string, boolean>();
  const isOne = (userKey: string): boolean => {
    let answer = remembered.get(userKey);
    if (answer === undefined) {
      answer = digests.has(userDigest(platform, userKey));
      if (remembered.size >= REMEMBERED_MAX) remembered = new Map();
      remembered.set(userKey, answer);
    }
    return answer;
  };
  const person: Person = { isUser: isOne, isName: (name) => isOne(`~${name.toLowerCase()}`) };
  const wanted = needles?.map((needle) => JSON.stringify(needle.toLowerCase()).slice(1, -1));
  return {
    platform,
    mayConcern: (text) => {
      if (!wanted) return true;
      const folded = text.toLowerCase();
      return wanted.some((needle) => folded.includes(needle));
    },
    judge: ({ event, timeMs }) => (timeMs <= untilMs ? redactEvent(event, person) : 'keep'),
    judgeUnreadable: (text) => {
      const names = text.match(WORD) ?? [];
      return names.some((name) => person.isUser(name) || person.isName(name)) ? 'remove' : 'keep';
    },
  };
}

/** The message goes, and what quotes it: the text in its deletion, and in replies to it. */
function messageJudge({ platform, message }: Extract<Decision, { kind: 'purge_message' }>): LineJudge {
  const is = (id: string | undefined) =>
    id !== undefined && id !== '' && messageKey(platform, id) === message.key;
  return {
    platform,
    channel: message.channel,
    mayConcern: () => true,
    judge: ({ event, key }) => {
      if (key === message.key) return 'remove';
      const quotes = QUOTES.filter((tag) => event.tags?.[tag] !== undefined && event.tags[tag] !== '');
      const isReply = quotes.length > 0 && is(event.reply_to);
      const isDeletion = event.message !== '' && is(event.target_message_id);
      if (!isReply && !isDeletion) return 'keep';
      const tags = isReply
        ? { ...event.tags, ...Object.fromEntries(quotes.map((tag) => [tag, ''])) }
        : event.tags;
      return {
        ...event,
        ...(tags && { tags }),
        ...(isDeletion && { message: '' }),
        raw: undefined,
        raw_base64: undefined,
      };
    },
    judgeUnreadable: () => 'keep',
  };
}

const QUOTES = ['reply-parent-msg-body'];

/** All of them at once, one after the other; of one platform. */
export function allJudges(judges: readonly LineJudge[]): LineJudge {
  const [first, ...others] = judges;
  if (!first) throw new TypeError('no judges');
  if (others.length === 0) return first;
  return {
    platform: first.platform,
    mayConcern: (text) => judges.some((judge) => judge.mayConcern(text)),
    judge: (line) => {
      let event: ChatEvent | undefined;
      for (const judge of judges) {
        const verdict = judge.judge(event ? { ...line, event } : line);
        if (verdict === 'remove') return 'remove';
        if (verdict !== 'keep') event = verdict;
      }
      return event ?? 'keep';
    },
    judgeUnreadable: (text) =>
      judges.some((judge) => judge.judgeUnreadable(text) === 'remove') ? 'remove' : 'keep',
  };
}
