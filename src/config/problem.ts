/** What is wrong in a configuration, for people: where, what was found and what would be right. */
import { escapeControl } from '../lib/escape-control.ts';

export interface Problem {
  file: string;
  /** From 1; 0 where it concerns the file as a whole. */
  line: number;
  /** From 1; 0 where it concerns the file as a whole. */
  column: number;
  /** `twitch.channels[2].sampling_rate`; '' where it concerns no key. */
  path: string;
  /** What was found and what would be right. Never shows a secret. */
  message: string;
}

export type PathKey = string | number;

/** `['twitch', 'channels', 2]` as `twitch.channels[2]`. */
export function formatPath(keys: readonly PathKey[]): string {
  let path = '';
  for (const key of keys) {
    if (typeof key === 'number') path += `[${key}]`;
    else if (/^[\w-]+$/.test(key)) path += path === '' ? key : `.${key}`;
    else path += `[${quote(key)}]`;
  }
  return path;
}

/** `config.yaml:12:5: twitch.port: found ...` */
export function formatProblem(problem: Problem): string {
  const place = problem.line === 0 ? problem.file : `${problem.file}:${problem.line}:${problem.column}`;
  return escapeControl([place, problem.path, problem.message].filter((part) => part !== '').join(': '));
}

const SHOWN_MAX = 60;

/** A text from outside in quotes, short and safe to print. */
export function quote(text: string): string {
  const shown = text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}...` : text;
  return escapeControl(JSON.stringify(shown));
}
