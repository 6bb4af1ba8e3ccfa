/** People who never stop talking: a line in one of the channels every few milliseconds, whoever listens. */
import { setTimeout as sleep } from 'node:timers/promises';
import { chatLine } from '../support/chat-line.ts';
import type { TwitchServer } from '../support/twitch-server.ts';

export interface SteadyTalk {
  /** Everything said so far. */
  readonly lines: readonly string[];
  stop(): Promise<void>;
}

export function talkSteadily(
  twitch: TwitchServer,
  channels: readonly string[],
  perSecond: number,
): SteadyTalk {
  const lines: string[] = [];
  let isTalking = true;
  const talk = async () => {
    const startedMs = performance.now();
    while (isTalking) {
      const due = ((performance.now() - startedMs) / 1000) * perSecond;
      while (lines.length < due) {
        const channel = channels[lines.length % channels.length]!;
        const line = chatLine(channel, `line ${lines.length} ☃`);
        lines.push(line);
        twitch.sayTo(channel, line);
      }
      await sleep(10);
    }
  };
  const talking = talk();
  return {
    lines,
    stop: () => {
      isTalking = false;
      return talking;
    },
  };
}
