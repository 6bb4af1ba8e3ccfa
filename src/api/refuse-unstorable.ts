/** Texts that no database takes (NUL, half of a surrogate pair) are refused at the door, by the name of their parameter. */
import type { FastifyRequest } from 'fastify';
import { invalidParameters, type ParameterProblem } from './api-error.ts';

const DEPTH_MAX = 8;

export function refuseUnstorable({ params, query, body }: FastifyRequest): void {
  const problems: ParameterProblem[] = [];
  for (const part of [params, query, body]) look(part, [], problems);
  if (problems.length > 0) throw invalidParameters(problems);
}

function look(value: unknown, path: readonly string[], problems: ParameterProblem[]): void {
  const parameter = path.join('.').slice(0, 60).toWellFormed() || 'body';
  if (typeof value === 'string') {
    if (value.includes('\0') || !value.isWellFormed())
      problems.push({ parameter, message: 'should be a text without NUL and without broken characters' });
  } else if (path.length > DEPTH_MAX) problems.push({ parameter, message: 'is nested too deeply' });
  else if (typeof value === 'object' && value !== null)
    for (const [key, inner] of Object.entries(value)) {
      look(key, [...path, key], problems);
      look(inner, [...path, key], problems);
    }
}
