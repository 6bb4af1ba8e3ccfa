/** What zod found wrong in a request, in words: each parameter by name, what was found and what would be right. */
import { z } from 'zod';
import { didYouMean } from '../config/nearest-word.ts';
import type { ParameterProblem } from './api-error.ts';

type Issue = z.core.$ZodIssue;

/** A body or a query may be wrong in many places; nobody reads more. */
const PROBLEMS_MAX = 20;
const SHOWN_MAX = 60;

/** `value` is the part of the request that was checked. */
export function explainValidation(issues: readonly Issue[], value: unknown): ParameterProblem[] {
  return issues.flatMap((issue) => explain(issue, value, [])).slice(0, PROBLEMS_MAX);
}

function explain(issue: Issue, value: unknown, base: readonly PropertyKey[]): ParameterProblem[] {
  const path = [...base, ...issue.path];
  const found = valueAt(value, path);
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      parameter: nameOf([...path, key]),
      message: 'is not known here',
    }));
  if (issue.code === 'invalid_union') {
    const branch = issue.errors.find(
      (errors) => !errors.some((error) => error.path.length === 0 && error.code === 'invalid_type'),
    );
    if (branch && branch.length > 0) return branch.flatMap((inner) => explain(inner, value, path));
  }
  const message = Array.isArray(found)
    ? 'should be given once'
    : found === undefined
      ? `is missing; ${right(issue, found)}`
      : `found ${shown(found)}, ${right(issue, found)}`;
  return [{ parameter: nameOf(path), message }];
}

function right(issue: Issue, found: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      return `should be ${TYPE_NAMES[issue.expected] ?? issue.expected}`;
    case 'too_small':
      return `should be ${limit(issue.origin, issue.minimum, issue.inclusive === false ? 'more than' : 'at least')}`;
    case 'too_big':
      return `should be ${limit(issue.origin, issue.maximum, issue.inclusive === false ? 'less than' : 'at most')}`;
    case 'invalid_value': {
      const values = issue.values.map(String);
      const near = typeof found === 'string' ? didYouMean(found, values) : '';
      return `should be ${values.length === 1 ? values[0] : `one of ${values.join(', ')}`}${near}`;
    }
    case 'invalid_format':
      // Zod's own words say "Invalid ..."; a schema's own words are better.
      return /^Invalid /.test(issue.message)
        ? `should be a valid ${issue.format === 'regex' ? 'text of the right form' : issue.format}`
        : issue.message;
    default:
      return /^Invalid /.test(issue.message) ? 'should be something else' : issue.message;
  }
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  number: 'a number',
  int: 'a whole number',
  string: 'a text',
  boolean: 'true or false',
  date: 'a time such as 2026-01-31T12:00:00Z',
  object: 'a JSON object',
  array: 'a list',
};

function limit(origin: string, bound: number | bigint, comparison: string): string {
  if (origin === 'string') return `${comparison} ${bound} characters long`;
  if (origin === 'array' || origin === 'set') return `${comparison} ${bound} in number`;
  if (origin === 'date') return `${comparison} ${new Date(Number(bound)).toISOString()}`;
  return `${comparison} ${bound}`;
}

function shown(value: unknown): string {
  if (typeof value === 'object') return value === null ? 'null' : 'an object';
  if (value === '') return 'nothing';
  const text = String(value).toWellFormed();
  return JSON.stringify(text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}...` : text);
}

function nameOf(path: readonly PropertyKey[]): string {
  return path.length === 0 ? 'body' : path.map(String).join('.').slice(0, SHOWN_MAX);
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (part, key) =>
      typeof part === 'object' && part !== null && Object.hasOwn(part, key)
        ? (part as Record<PropertyKey, unknown>)[key]
        : undefined,
    value,
  );
}

/** The parameters that a schema knows; undefined where it cannot be said. */
export function knownParameters(schema: unknown): string[] | undefined {
  if (schema instanceof z.ZodObject) return Object.keys(schema.shape);
  if (schema instanceof z.ZodPipe) return knownParameters(schema.in);
  return undefined;
}

/** Names that no schema knows, each with the one that may have been meant. */
export function unknownParameters(query: object, known: readonly string[]): ParameterProblem[] {
  const unknown = Object.keys(query).filter((name) => !known.includes(name));
  return unknown.slice(0, PROBLEMS_MAX).map((name) => {
    const near = didYouMean(name, known);
    const advice = near || (known.length > 0 ? `; there are ${known.join(', ')}` : '; there are none here');
    return { parameter: name.slice(0, SHOWN_MAX), message: `is not known here${advice}` };
  });
}
