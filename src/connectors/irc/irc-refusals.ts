/** Numerics by which a server refuses a JOIN. https://modern.ircdocs.horse/#numerics */
import type { Refusal } from '../channel-feed.ts';
import { detachText } from '../detach-text.ts';

const REFUSALS: Record<string, { as: Refusal; reason: string }> = {
  403: { as: 'not_found', reason: 'no such channel' },
  405: { as: 'limit', reason: 'the server allows no more channels' },
  407: { as: 'retrying', reason: 'too many targets' },
  437: { as: 'retrying', reason: 'the channel is temporarily unavailable' },
  447: { as: 'retrying', reason: 'the channel cannot be joined now' },
  470: { as: 'retrying', reason: 'the channel forwards to another one' },
  471: { as: 'retrying', reason: 'the channel is full (+l)' },
  473: { as: 'retrying', reason: 'the channel is for invited users only (+i)' },
  474: { as: 'banned', reason: 'banned from the channel (+b)' },
  475: { as: 'banned', reason: "the channel's key is missing or wrong (+k): set `key`" },
  476: { as: 'not_found', reason: 'not a name of a channel' },
  477: { as: 'retrying', reason: 'only for registered users (+r): set `sasl` or `nickserv_password`' },
  479: { as: 'not_found', reason: 'not a name of a channel' },
  480: { as: 'retrying', reason: 'the channel cannot be joined now' },
  485: { as: 'retrying', reason: 'the channel cannot be joined' },
  489: { as: 'banned', reason: 'only for TLS connections (+z): set `tls: true`' },
  520: { as: 'banned', reason: 'only for operators of the server' },
};

/** How a numeric refuses its channel; undefined where it does not. */
export function joinRefusal(numeric: string, text: string): { as: Refusal; reason: string } | undefined {
  const refusal = Object.hasOwn(REFUSALS, numeric) ? REFUSALS[numeric] : undefined;
  return refusal && { as: refusal.as, reason: `${refusal.reason} (${numeric} ${detachText(text)})` };
}
