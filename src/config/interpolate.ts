/**
 * `${VAR}`, `${VAR:-default}` and `${file:path}` in one text; `$${` stands for `${` itself. What is filled in is
 * taken as it is: a `${` inside of it means nothing.
 */
import { didYouMisspell } from './nearest-word.ts';

/** Where the values come from. */
export interface Lookup {
  env: Readonly<Record<string, string | undefined>>;
  /** The content of a secret file by the path as written, or why it cannot be read. */
  files: ReadonlyMap<string, { text: string } | { problem: string }>;
}

export interface Interpolated {
  text: string;
  /** Something was filled in (and not only unescaped). */
  filledIn: boolean;
  problems: string[];
  /** What came from files. */
  secrets: string[];
}

const TOKEN = /\$\$\{|\$\{([^}]*)(\}?)/g;
const VARIABLE = /^([A-Za-z_]\w*)(?::-([\s\S]*))?$/;

export function interpolate(text: string, lookup: Lookup): Interpolated {
  const result: Interpolated = { text: '', filledIn: false, problems: [], secrets: [] };
  result.text = text.replace(TOKEN, (token, inner?: string, end?: string) => {
    if (token === '$${') return '${';
    result.filledIn = true;
    return fill(inner ?? '', end === '}', lookup, result);
  });
  return result;
}

function fill(inner: string, closed: boolean, lookup: Lookup, result: Interpolated): string {
  if (!closed) {
    result.problems.push(`"\${" without its "}"; a "\${" that is meant literally is written "$\${"`);
    return '';
  }
  if (inner.startsWith('file:')) return fillFromFile(inner.slice(5), lookup, result);
  const [, name, fallback] = VARIABLE.exec(inner) ?? [];
  if (name === undefined) {
    result.problems.push(
      `"\${${inner.slice(0, 40)}}" is none of \${VAR}, \${VAR:-default} and \${file:/path}`,
    );
    return '';
  }
  const value = Object.hasOwn(lookup.env, name) ? lookup.env[name] : undefined;
  if (value !== undefined && (value !== '' || fallback === undefined)) return value;
  if (fallback !== undefined) return fallback;
  const near = didYouMisspell(name, Object.keys(lookup.env));
  result.problems.push(
    `the environment variable ${name} is not set; set it, or write \${${name}:-default}${near}`,
  );
  return '';
}

function fillFromFile(path: string, lookup: Lookup, result: Interpolated): string {
  const content = lookup.files.get(path) ?? { problem: 'was not read' };
  if ('problem' in content) {
    result.problems.push(`the secret file ${JSON.stringify(path)} ${content.problem}`);
    return '';
  }
  if (content.text !== '') result.secrets.push(content.text);
  return content.text;
}

/** The paths of all `${file:...}` in a text. */
export function referencedFiles(text: string): string[] {
  return [...text.matchAll(TOKEN)].flatMap(([, inner, end]) =>
    inner?.startsWith('file:') && end === '}' ? [inner.slice(5)] : [],
  );
}
