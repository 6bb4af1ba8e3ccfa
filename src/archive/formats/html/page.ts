/** What stands around the lines of a transcript. */
import { formatTimestamp } from '../../../lib/timestamp.ts';
import type { FormatOptions } from '../format.ts';
import { escapeHtml } from './escape-html.ts';

const STYLE = `
:root{color-scheme:light dark;--page:#fff;--text:#1f2328;--quiet:#59636e;--line:#d1d9e0;--badge:#e6eaef;--said:#f6f0ff;--gap:#fff3d6}
@media(prefers-color-scheme:dark){:root{--page:#18181b;--text:#efeff1;--quiet:#9aa4af;--line:#3a3a40;--badge:#323239;--said:#2b2140;--gap:#3d3117}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:0 1rem 2rem;background:var(--page);color:var(--text);font:15px/1.5 system-ui,sans-serif}
header{padding:1.5rem 0 .5rem}
h1{font-size:1.4rem;margin:0}
header p,footer{color:var(--quiet);margin:.25rem 0}
h2{position:sticky;top:0;margin:1rem 0 .25rem;padding:.25rem 0;background:var(--page);border-bottom:1px solid var(--line);font-size:1rem}
main>p{margin:0;padding:.05rem .25rem;overflow-wrap:anywhere}
main>p:target{outline:2px solid}
time,.c{color:var(--quiet);font-size:.85em;margin-right:.4em}
time{font-variant-numeric:tabular-nums}
b{color:var(--l)}
.b{background:var(--badge);border-radius:3px;font-size:.72em;margin-right:.3em;padding:.1em .35em;white-space:nowrap}
.moderator{background:#1a7f37;color:#fff}.broadcaster{background:#b91c1c;color:#fff}.vip{background:#a21caf;color:#fff}.subscriber{background:#6d28d9;color:#fff}
.r{display:block;margin-left:4.5em;color:var(--quiet);font-size:.85em;text-decoration:none;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
a{color:inherit}
.x{color:var(--quiet)}
.n{background:var(--said)}
main>.gap{background:var(--gap);border-radius:4px;margin:.5rem 0;padding:.35rem .5rem}
@media(prefers-color-scheme:dark){b{color:var(--d)}}
@media print{h2{position:static}}
`.trim();

/** Lines of deleted messages: `.t` is the text of one. */
export const DELETED_STYLE = '{text-decoration:line-through;opacity:.6}';

export function pageHead({ title, fromMs, toMs }: FormatOptions): string {
  const name = escapeHtml(title);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${name}</title>
<style>
${STYLE}
</style>
</head>
<body>
<header><h1>${name}</h1><p>${rangeText(fromMs, toMs)}</p></header>
<main>
`;
}

export interface PageCounts {
  lines: number;
  gaps: number;
}

export function pageFoot({ lines, gaps }: PageCounts): string {
  const noGaps = gaps === 0 ? 'no gaps' : gaps === 1 ? 'one gap' : `${gaps} gaps`;
  return `</main>
<footer>${lines === 1 ? 'One line' : `${lines} lines`}, ${noGaps}. Recorded by Chatlog.</footer>
</body>
</html>
`;
}

/** `Friday, 20 November 2026` */
export function dayHeading(dayMs: number): string {
  const name = new Date(dayMs).toLocaleDateString('en-GB', {
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    timeZone: 'UTC',
  });
  return `<h2 id="${formatTimestamp(dayMs).slice(0, 10)}">${name}</h2>\n`;
}

function rangeText(fromMs: number | undefined, toMs: number | undefined): string {
  const text = (ms: number) => formatTimestamp(ms).slice(0, 16).replace('T', ' ');
  const parts = [
    fromMs === undefined ? '' : `from ${text(fromMs)}`,
    toMs === undefined ? '' : `to ${text(toMs)}`,
  ];
  const range = parts.filter(Boolean).join(' ');
  return `${range === '' ? 'Everything there is' : range[0]!.toUpperCase() + range.slice(1)}. Times are UTC.`;
}
