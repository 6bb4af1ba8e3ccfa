/** Twitch lines of now, in any channel: what the corpus, being of one channel and of 2019, cannot be. */
import { randomUUID } from 'node:crypto';

/** A PRIVMSG with an id of its own. */
export function chatLine(channel: string, text: string, sentMs = Date.now()): string {
  return (
    `@badge-info=;badges=;color=;display-name=Ann;emotes=;flags=;id=${randomUUID()};mod=0;room-id=1;subscriber=0;` +
    `tmi-sent-ts=${sentMs};turbo=0;user-id=2;user-type= :ann!ann@ann.tmi.twitch.tv PRIVMSG #${channel} :${text}`
  );
}

export function chatLines(channel: string, count: number, text = 'message'): string[] {
  return Array.from({ length: count }, (_, index) => chatLine(channel, `${text} ${index + 1}`));
}
