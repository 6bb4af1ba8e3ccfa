import { peerText } from '../../api/peers/peer-message.ts';
import { formatDuration } from '../../cli/format.ts';
import { type ChatEvent, eventType } from '../../event.ts';

/**
 * What happened, as a sentence without its end, where an event is not simply something said: `ann has been banned by bob
 * (spam)`. Undefined for what somebody said. What came along as text (of a subscription, of a deleted message) is not in it.
 */
export function eventSentence(event: ChatEvent): string | undefined {
  const { username, target, platform_event: name } = event;
  switch (eventType(event)) {
    case 'message':
    case 'private':
      return undefined;
    case 'notice':
      // On IRC bots and people speak by NOTICE.
      return event.system_message ?? (username === '' ? 'notice' : undefined);
    case 'ban':
    case 'timeout':
    case 'clear':
    case 'delete':
      return withCause(peerText(event), event);
    case 'unban':
      return withCause(`${target} has been unbanned`, event);
    case 'untimeout':
      return withCause(`${target} may speak again`, event);
    case 'join':
      return `${username} has joined`;
    case 'part':
      return withCause(`${username} has ${name === 'QUIT' ? 'quit' : 'left'}`, {
        ...event,
        reason: event.reason ?? event.message,
      });
    case 'presence':
      if (name === 'NICK') return `${username} is now known as ${target}`;
      return named(event);
    case 'edit':
      return `${username} has edited a message`;
    case 'gap':
      return gapSentence(event);
    default:
      return named(event);
  }
}

function withCause(sentence: string, { moderator, reason }: ChatEvent): string {
  return `${sentence}${moderator ? ` by ${moderator}` : ''}${reason ? ` (${reason})` : ''}`;
}

/** `bob: TOPIC`, `room` */
function named(event: ChatEvent): string {
  const what = event.platform_event ?? eventType(event);
  return event.username === '' ? what : `${event.username}: ${what}`;
}

function gapSentence({ duration_seconds: seconds, reason, gap }: ChatEvent): string {
  const lost = `nothing was recorded for ${formatDuration(seconds ?? 0)}`;
  if (!gap) return lost;
  const parts = [
    `${lost}, until ${gap.until.slice(0, 10)} ${gap.until.slice(11, 19)}${reason ? ` (${reason})` : ''}`,
    gap.filled > 0 ? `${gap.filled} lines came from the platform's history` : '',
    gap.dropped ? `${gap.dropped} events were dropped` : '',
    gap.filled > 0 && gap.backfill === 'complete' ? 'nothing is missing that it has' : '',
  ];
  return parts.filter(Boolean).join('; ');
}
