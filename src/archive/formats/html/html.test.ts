import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lineBatch } from '../../../../test/support/line-batch.ts';
import { oddLine, recordedLine } from '../../../../test/support/odd-lines.ts';
import type { ChatEvent } from '../../../event.ts';
import { badgeLabel } from './badge-labels.ts';
import { HTML } from './html.ts';
import { contrast, parseColour, readableColour } from './readable-colour.ts';

const START_MS = Date.UTC(2026, 10, 20, 23, 0);
const OPTIONS = { title: 'twitch/<xqc>', fromMs: START_MS, toMs: undefined, hasManyChannels: false };

async function page(lines: readonly (string | Uint8Array)[], options = OPTIONS): Promise<string> {
  const writer = HTML.open(options);
  const middle = Math.floor(lines.length / 2);
  const parts = [
    await writer.write(lineBatch(lines.slice(0, middle), START_MS)),
    await writer.write(lineBatch(lines.slice(middle), START_MS)),
    await writer.end(),
  ];
  return Buffer.concat(parts).toString();
}

const said = (members: Partial<ChatEvent> & { minute?: number }): string => {
  const { minute = 0, ...rest } = members;
  const timestamp = new Date(START_MS + minute * 60_000).toISOString();
  return JSON.stringify({
    timestamp,
    channel: 'xqc',
    username: '',
    user_id: '',
    message: '',
    platform: 'twitch',
    ...rest,
  });
};

const TAG = /<\/?(?:p|span|b|i|a|q|time|h2)(?: (?:class|id|style|href|rel|title|datetime)="[^"<>]*")*>/g;
const SHEET = /<style>([\w\s.,#-]+\{text-decoration:line-through;opacity:\.6\})<\/style>/g;

it('lets nothing of the lines be markup, whatever they are', async () => {
  const evil = fc
    .constantFrom(
      '<script>',
      '</style>',
      '"onload="',
      "'",
      '&lt;',
      'javascript:x',
      'https://a/"><b>',
      '-->',
      '\u202e',
    )
    .map((text) =>
      said({
        message: text,
        username: text,
        id: text,
        badges: [text],
        tags: { color: text },
        reply_to: text,
      }),
    );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(evil, oddLine, recordedLine)), async (lines) => {
      const html = await page(lines);
      const main = html.slice(html.indexOf('<main>') + 6, html.indexOf('</main>'));
      expect(main.replace(TAG, '').replace(SHEET, '')).not.toMatch(/[<>]/);
      expect(html).not.toMatch(/<script|<img|<link|url\(|@import/i);
      for (const [, address] of main.matchAll(/href="([^"]*)"/g)) expect(address).toMatch(/^(?:#|https?:)/);
      expect(main.match(/<p/g)?.length ?? 0).toBe(lines.length);
    }),
  );
});

it('is a whole page with a heading for each day', async () => {
  const html = await page([
    said({ message: 'a' }),
    said({ message: 'b', minute: 61 }),
    said({ message: 'c', minute: 62 }),
  ]);
  expect(html.startsWith('<!doctype html>')).toBe(true);
  expect(html.endsWith('</html>\n')).toBe(true);
  expect(html).toContain('<title>twitch/&lt;xqc&gt;</title>');
  expect(html.match(/<h2[^>]*>[^<]+/g)).toEqual([
    '<h2 id="2026-11-20">Friday, 20 November 2026',
    '<h2 id="2026-11-21">Saturday, 21 November 2026',
  ]);
  expect(html).toContain('3 lines, no gaps');
});

it('is a page also where there are no lines', async () => {
  expect(await page([])).toContain('<main>\n</main>');
});

/** Texts that are struck out: the selectors of the style sheets, applied. */
function removed(html: string): string[] {
  const selectors = [...html.matchAll(SHEET)].flatMap(([, sheet]) =>
    sheet!
      .slice(0, sheet!.indexOf('{'))
      .split(',')
      .map((selector) => selector.replace(/ \.t$/, '')),
  );
  return [...html.matchAll(/<p class="([^"]*)"(?: id="([^"]*)")?>.*?<span class="t">(.*?)<\/span>/g)].flatMap(
    ([, classes, id, text]) => {
      const own = [...classes!.split(' ').map((name) => `.${name}`), `#${id}`];
      return own.some((selector) => selectors.includes(selector)) ? [text!] : [];
    },
  );
}

describe('removed messages are struck out', () => {
  const ann = { username: 'ann', user_id: '1' };
  const bob = { username: 'bob', user_id: '2' };

  it('the one that was deleted', async () => {
    const html = await page([
      said({ ...ann, message: 'stays', id: 'm 1' }),
      said({ ...ann, message: 'goes', id: 'm 2' }),
      said({ type: 'delete', target_message_id: 'm 2', target: 'ann', message: 'goes' }),
    ]);
    expect(removed(html)).toEqual(['goes']);
  });

  it('those of a person until their timeout, of that channel and of two days', async () => {
    const html = await page([
      said({ ...ann, message: 'long before', minute: -2 * 1440 }),
      said({ ...ann, message: 'the day before', minute: -600 }),
      said({ ...ann, message: 'elsewhere', channel: 'forsen' }),
      said({ ...bob, message: 'of another one' }),
      said({ ...ann, message: 'before' }),
      said({ type: 'timeout', target: 'ann', target_user_id: '1', duration_seconds: 1 }),
      said({ ...ann, message: 'after' }),
    ]);
    expect(removed(html)).toEqual(['the day before', 'before']);
  });

  it('everybody’s where the room was cleared', async () => {
    const html = await page([
      said({ ...ann, message: 'a' }),
      said({ ...bob, message: 'b' }),
      said({ type: 'clear' }),
      said({ ...bob, message: 'c' }),
    ]);
    expect(removed(html)).toEqual(['a', 'b']);
  });
});

it('shows gaps, replies, badges, subscriptions and what somebody did', async () => {
  const html = await page([
    said({
      type: 'gap',
      duration_seconds: 60,
      gap: { until: '2026-11-20T23:01:00.000Z', backfill: 'none', filled: 0 },
    }),
    said({
      username: 'bob',
      message: 'hi',
      reply_to: 'p/1',
      badges: ['moderator/1', 'subscriber/12'],
      tags: { 'reply-parent-display-name': 'Ann', 'reply-parent-msg-body': 'hello' },
    }),
    said({ type: 'notice', username: 'cyd', system_message: 'cyd subscribed!', message: 'Pog' }),
    said({ username: 'ann', message: 'waves', action: true, display_name: 'アン' }),
  ]);
  expect(html).toContain('<p class="gap">');
  expect(html).toContain('one gap');
  expect(html).toContain('<a class="r" href="#m-p_2f_1">↩ Ann: hello</a>');
  expect(html).toContain('<span class="b moderator" title="moderator/1">mod</span>');
  expect(html).toMatch(/cyd subscribed! <b [^>]*>cyd<\/b>: <span class="t">Pog<\/span>/);
  expect(html).toMatch(/>アン \(ann\)<\/b> <i><span class="t">waves/);
});

it('labels badges shortly', () => {
  const labels = [
    'subscriber/12',
    'subscriber/0',
    'bits/1000',
    'sub-gifter/5',
    'no_audio/1',
    'x'.repeat(99),
  ].map(badgeLabel);
  expect(labels.map(({ text }) => text)).toEqual([
    'sub 12',
    'sub',
    'bits 1000',
    'sub gifter 5',
    'no audio',
    'x'.repeat(24),
  ]);
});

it('makes every colour readable on both pages, and leaves those that are', () => {
  fc.assert(
    fc.property(fc.nat(0xffffff), fc.string(), (number, name) => {
      const chosen = `#${number.toString(16).padStart(6, '0')}`;
      const { onLight, onDark } = readableColour(chosen, name);
      expect(contrast(parseColour(onLight), [255, 255, 255])).toBeGreaterThanOrEqual(4.5);
      expect(contrast(parseColour(onDark), [24, 24, 27])).toBeGreaterThanOrEqual(4.5);
    }),
  );
  expect(readableColour('#b00020', 'ann').onLight).toBe('#b00020');
  expect(readableColour('#FFFF00', 'ann').onDark).toBe('#ffff00');
  expect(readableColour('red; x', 'ann')).toEqual(readableColour(undefined, 'ann'));
});
