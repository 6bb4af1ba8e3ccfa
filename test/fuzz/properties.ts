import { configuration } from './configuration.ts';
import { historyAnswers } from './history-answers.ts';
import { configuredNames, names } from './names.ts';
import type { FuzzProperty } from './property.ts';
import { leftovers, segmentNames } from './spool-names.ts';
import { twitchBytes } from './twitch-bytes.ts';

export const PROPERTIES: readonly FuzzProperty[] = [
  twitchBytes,
  names,
  configuredNames,
  configuration,
  historyAnswers,
  segmentNames,
  leftovers,
];
