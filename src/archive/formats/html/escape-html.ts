import { escapeControl } from '../../../lib/escape-control.ts';

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Safe as text and in a quoted attribute; what a person would not see is shown as `\uXXXX`. */
export function escapeHtml(text: string): string {
  return escapeControl(text, { keepJoiners: true }).replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** Escaped, with what is an address made a link. */
export function linkedHtml(text: string): string {
  return text
    .split(/(https?:\/\/[^\s<>"']+)/)
    .map((part, index) => {
      const html = escapeHtml(part);
      return index % 2 === 0 ? html : `<a href="${html}" rel="nofollow noopener noreferrer">${html}</a>`;
    })
    .join('');
}

/**
 * Of letters, digits, `-` and `_` alone, so that it may stand in an attribute and in a selector as it is; different texts
 * stay different.
 */
export function htmlName(text: string): string {
  return text.replace(/[^A-Za-z0-9-]/gu, (character) => `_${character.codePointAt(0)!.toString(16)}_`);
}
