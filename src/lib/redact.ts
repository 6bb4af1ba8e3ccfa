/**
 * Takes secrets out of a log line: every occurrence of a known value, also where it was URL- or JSON-encoded on the
 * way, and whatever stands under a key that holds secrets. Long strings are cut.
 */
const REDACTED = '[redacted]';
/** Shorter values occur by chance in every other line. */
const SECRET_MIN = 4;
const STRING_MAX = 8 * 1024;
const DEPTH_MAX = 12;

const SECRET_KEYS = new Set([
  'authorization',
  'proxyauthorization',
  'cookie',
  'setcookie',
  'password',
  'passwd',
  'serverpassword',
  'nickservpassword',
  'oauth',
  'token',
  'accesstoken',
  'sessiontoken',
  'secret',
  'secretkey',
  'secretaccesskey',
  'apikey',
]);

/** Built once for a set of secrets; gives a redacted copy of a line. */
export function redactor(secrets: readonly string[]): (line: object) => object {
  const clean = textRedactor(secrets);
  return (line) => redactValue(line, clean, 0) as object;
}

/** For a single text: what another server said, before people see it. */
export function textRedactor(secrets: readonly string[]): (text: string) => string {
  const spellings = new Set(secrets.flatMap(spellingsOf).filter((text) => text.length >= SECRET_MIN));
  const pattern =
    spellings.size === 0
      ? undefined
      : new RegExp(
          [...spellings]
            .sort((a, b) => b.length - a.length)
            .map(RegExp.escape)
            .join('|'),
          'g',
        );
  return (text) => cut(pattern ? text.replace(pattern, REDACTED) : text);
}

/** As it is, without `oauth:`, each also as URLs and JSON texts carry it. */
function spellingsOf(secret: string): string[] {
  const bare = secret.replace(/^oauth:/i, '');
  return [secret, bare].flatMap((text) => {
    const wellFormed = text.toWellFormed();
    const url = encodeURIComponent(wellFormed);
    const json = JSON.stringify(text).slice(1, -1);
    return [
      text,
      json,
      JSON.stringify(json).slice(1, -1),
      url,
      url.replace(/%[0-9A-F]{2}/g, lower),
      url.replaceAll('%20', '+'),
    ];
  });
}

function lower(text: string): string {
  return text.toLowerCase();
}

function cut(text: string): string {
  return text.length <= STRING_MAX ? text : `${text.slice(0, STRING_MAX)}... (${text.length} characters)`;
}

function redactValue(value: unknown, clean: (text: string) => string, depth: number): unknown {
  if (typeof value === 'string') return clean(value);
  if (typeof value === 'number') {
    const text = String(value);
    const cleaned = clean(text);
    return cleaned === text ? value : cleaned;
  }
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEPTH_MAX) return '[nested too deeply]';
  if (Array.isArray(value)) return value.map((item) => redactValue(item, clean, depth + 1));
  const copy: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const redacted =
      isSecretKey(key) && item !== null && item !== '' ? REDACTED : redactValue(item, clean, depth + 1);
    Object.defineProperty(copy, clean(key), {
      value: redacted,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return copy;
}

function isSecretKey(key: string): boolean {
  return SECRET_KEYS.has(key.toLowerCase().replace(/[_-]/g, ''));
}
