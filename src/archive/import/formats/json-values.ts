/** Values of JSON that may be anything. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Undefined where it is no text, or an empty one. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function listOf(value: unknown): readonly Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

/** `2019-09-15T13:00:05.123+02:00`, without a zone UTC; undefined for anything else. `exactMs` by the digits it has. */
export function jsonTime(value: unknown): { timeMs: number; exactMs: number } | undefined {
  const text = textOf(value);
  const match = text && /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  if (!match) return undefined;
  const fraction = match[2] === undefined ? '' : `.${match[2].slice(0, 3)}`;
  const timeMs = Date.parse(`${match[1]}${fraction}${match[3] ?? 'Z'}`);
  return Number.isNaN(timeMs) ? undefined : { timeMs, exactMs: match[2] === undefined ? 1000 : 1 };
}
