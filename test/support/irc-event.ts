import { parseIrcEvent } from '../../src/connectors/irc/irc-event.ts';
import { ircNames } from '../../src/connectors/irc/irc-names.ts';
import type { ChatEvent } from '../../src/event.ts';

/** What the recorder makes of an IRC line with a `time` tag, on the network `libera`. */
export function irc(line: string): ChatEvent {
  const time = /[@;]time=([^; ]+)/.exec(line)?.[1] ?? '2019-09-15T09:00:00.000Z';
  const view = {
    platform: 'irc-libera',
    names: ircNames({}),
    nick: 'chatlog',
    channelName: (target: string) => target,
    isModerator: () => false,
  };
  return JSON.parse(JSON.stringify(parseIrcEvent(line, Date.parse(time) + 200, view).event)) as ChatEvent;
}
