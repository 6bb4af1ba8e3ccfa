/**
 * Arrays of parameters as PostgreSQL reads them: https://www.postgresql.org/docs/15/arrays.html#ARRAYS-IO. `pg` does the
 * same, at several times the cost: a batch has tens of thousands of values.
 */
export function arrayText(values: readonly unknown[]): string {
  let text = '{';
  for (let index = 0; index < values.length; index++) {
    if (index > 0) text += ',';
    text += elementText(values[index]);
  }
  return `${text}}`;
}

function elementText(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  if (typeof value !== 'string') return String(value);
  return `"${/["\\]/.test(value) ? value.replace(/["\\]/g, '\\$&') : value}"`;
}
