/** Plain Twitch chat with an id, a time and a text of its own: what tests say when the corpus does not fit. */
let serial = 0;

export function chatLine(channel: string, text: string, sentMs: number = Date.now()): string {
  serial += 1;
  const id = `00000000-0000-4000-8000-${String(serial).padStart(12, '0')}`;
  return (
    `@badge-info=;badges=;color=;display-name=Ann;emotes=;flags=;id=${id};mod=0;room-id=1;subscriber=0;` +
    `tmi-sent-ts=${sentMs};turbo=0;user-id=2;user-type= :ann!ann@ann.tmi.twitch.tv PRIVMSG #${channel} :${text}`
  );
}
