/**
 * What identifies a line in the index: 128 bits. The platform's id where that is a UUID in its canonical form; else half
 * of a SHA-256 over the platform and what makes the event the same event (docs/record-format.md, "Identity").
 */
import { createHash, hash } from 'node:crypto';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function isUuid(text: unknown): text is string {
  return typeof text === 'string' && text.length === 36 && UUID.test(text);
}

/** The key of an event with this identity; of a message with this id. */
export function messageKey(platform: string, identity: string): string {
  return isUuid(identity) ? identity : uuidOfHex(hash('sha256', `${platform}\0${identity}`, 'hex'));
}

/** The key of an event that nothing identifies but its line; `repeats` lines before it were the same. */
export function lineKey(platform: string, line: Buffer, repeats: number): string {
  const digest = createHash('sha256').update(`${platform}\0`).update(line).update(`\0${repeats}`);
  return uuidOfHex(digest.digest('hex'));
}

/** The first 128 bits of a digest, as the database writes a uuid. */
export function uuidOfHex(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}
