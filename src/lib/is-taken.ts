import { lstatSync } from 'node:fs';

/** Whether a name is in use, by whatever it is: a link that leads nowhere counts, too, or a rename would replace it. */
export function isTaken(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
