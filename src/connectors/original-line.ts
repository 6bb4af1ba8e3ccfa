/** The line that an event was made of, byte for byte, whichever platform it came from. */
import type { ChatEvent } from '../event.ts';
import { rebuildIrcLine } from './irc/irc-event.ts';
import { rebuildTwitchLine } from './twitch/rebuild-twitch-line.ts';

/** Without its line end; as text where it is UTF-8. '' where the platform has no lines and none was kept. */
export function originalLine(event: ChatEvent): string | Buffer {
  if (event.raw_base64 !== undefined) return Buffer.from(event.raw_base64, 'base64');
  if (event.raw !== undefined) return event.raw;
  if (event.platform === 'twitch') return rebuildTwitchLine(event);
  return event.platform.startsWith('irc-') ? rebuildIrcLine(event) : '';
}
