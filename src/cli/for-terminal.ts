import { escapeControl } from '../lib/escape-control.ts';

/**
 * Lines for standard output as they are: JSON, CSV. On a terminal nothing in them is obeyed, and JSON goes on to mean the same.
 * @param text whole lines
 */
export function forTerminal<T extends string | Uint8Array>(text: T): T | string {
  if (!process.stdout.isTTY) return text;
  const characters = typeof text === 'string' ? text : Buffer.from(text).toString();
  return escapeControl(characters, { keepLines: true, keepJoiners: true });
}
