/** What nobody should send: for parameters, paths and bodies. */

const SQL = [
  "' OR '1'='1",
  "'; DROP TABLE messages; --",
  '") OR 1=1 --',
  "\\'; SELECT pg_sleep(9)--",
  '$1',
  '%',
  '_%_%',
  "''",
];
const PATHS = [
  '../../../etc/passwd',
  '..\\..\\boot.ini',
  '/etc/passwd',
  'file:///etc/passwd',
  './.',
  '%2e%2e%2f',
  '....//',
];
const NAMES = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '[object Object]',
  'null',
  'undefined',
  'true',
];
const NUMBERS = [
  ...['-1', '0', '1.5', '-0', '+1', '1e3', '1e309', '-1e309', 'NaN', 'Infinity', '0x10', '١٢'],
  ...['2147483648', '9007199254740993', '-9223372036854775809', '9'.repeat(400)],
];
const TIMES = [
  ...[
    '2026-13-45T99:99:99Z',
    '0000-00-00',
    '-271821-04-19T23:59:59Z',
    '275760-09-13T00:00:00.001Z',
    '1970-01-01',
  ],
  ...[
    '9999-12-31T23:59:59.999Z',
    '2026-02-30',
    '2026-01-01T00:00:00+99:99',
    '1e20',
    '-1d',
    '999999w',
    'now()',
    'infinity',
  ],
];
const TEXTS = [
  ...[
    '',
    ' ',
    '\t',
    '\n',
    '\r\nX-Injected: 1',
    '\0',
    'a\0b',
    '\u202egnp.exe',
    '\ufeff',
    '\uffff',
    '💥'.repeat(50),
    'ﷺ'.repeat(50),
  ],
  ...[
    'a'.repeat(1_000),
    'a'.repeat(3_000),
    '(a+)+$',
    '((((((((((',
    '[',
    '\\',
    '"unbalanced',
    'a & | ! b',
    'a:*',
    '<->',
    '!',
    '- -',
  ],
  ...[
    '<script>alert(1)</script>',
    '{{7*7}}',
    '$$7*7$$',
    '=1+1',
    '[]',
    '{}',
    '{"a":1}',
    ',,,,',
    '*',
    '#',
    '@',
    'id:',
    "id:'",
    '00000000-0000-0000-0000-00000000000g',
  ],
];
/** Cursors and the like: base64 of nothing, of junk, of JSON that is none of ours. */
const CURSORS = [
  'AAAA',
  '====',
  'A'.repeat(1_000),
  base64('{}'),
  base64('[1e999,"x"]'),
  base64('[-1,"\'; DROP"]'),
  base64('\0\0\0'),
];

function base64(text: string): string {
  return Buffer.from(text).toString('base64url');
}

export const HOSTILE_TEXTS: readonly string[] = [
  ...SQL,
  ...PATHS,
  ...NAMES,
  ...NUMBERS,
  ...TIMES,
  ...TEXTS,
  ...CURSORS,
];

/** For members of a JSON body. */
export const HOSTILE_JSON: readonly unknown[] = [
  ...[
    null,
    true,
    false,
    0,
    -1,
    1.5,
    1e308,
    Number.MAX_SAFE_INTEGER + 2,
    [],
    [[[[[[[[[[1]]]]]]]]]],
    {},
    { a: { b: 1 } },
  ],
  ...[['a'], { $gt: '' }, { toString: 1 }],
  ...HOSTILE_TEXTS,
];

/** Percent escapes that no encoder makes. */
export const RAW_ESCAPES: readonly string[] = [
  '%00',
  '%',
  '%zz',
  '%c0%ae',
  '%ff%fe',
  '%ed%a0%80',
  '%F0%9F',
  '%2e%2e%2f%2e%2e',
  '%5c',
  '%0d%0ax:1',
];
