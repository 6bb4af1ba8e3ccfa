import { decodeName } from '../../segment-name.ts';
import type { Survey } from '../survey.ts';

/** What a file with everything in it is headed by: its only channel, or how many there are. */
export function selectionTitle({ channels }: Survey): { title: string; hasManyChannels: boolean } {
  const [only] = channels;
  if (channels.size !== 1 || only === undefined)
    return { title: `${channels.size} channels`, hasManyChannels: true };
  return { title: channelTitle(only), hasManyChannels: false };
}

/** `twitch/xqc`, of names as they stand in keys. */
export function channelTitle(path: string): string {
  return path
    .split('/')
    .map((name) => decodeName(name) ?? name)
    .join('/');
}
