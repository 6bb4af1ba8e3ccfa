/** Numbers of event types as `messages.type` and `mod_actions.type` hold them: positions in `EVENT_TYPES`. */
import { EVENT_TYPES, type EventType } from '../event.ts';

const NUMBERS = new Map<string, number>(EVENT_TYPES.map((type, index) => [type, index]));

export function typeNumber(type: EventType): number {
  return NUMBERS.get(type)!;
}

/** Throws where the number is nobody's: the row was made by a newer version. */
export function typeName(number: number): EventType {
  const type = EVENT_TYPES[number];
  if (type === undefined) throw new RangeError(`no event type has the number ${number}`);
  return type;
}
