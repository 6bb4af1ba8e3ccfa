/**
 * Lines as one self-contained page for people: no script, nothing loaded from elsewhere, readable on a light and a dark
 * screen. Days have headings, gaps are shown, removed messages are struck out.
 */
import type { ChatEvent } from '../../../event.ts';
import type { LineBatch } from '../../scan/line-batch.ts';
import { eachEvent } from '../event-at.ts';
import type { FormatOptions, FormatWriter, StatefulFormat } from '../format.ts';
import { eventHtml } from './event-html.ts';
import { dayHeading, pageFoot, pageHead } from './page.ts';
import { Removals } from './removals.ts';

export const HTML: StatefulFormat = {
  kind: 'stateful',
  extension: '.html',
  isCompressed: false,
  open: (options) => new HtmlWriter(options),
};

const DAY_MS = 86_400_000;

class HtmlWriter implements FormatWriter {
  readonly #options: FormatOptions;
  readonly #removals = new Removals();
  #isBegun = false;
  #dayMs = Number.NaN;
  #lines = 0;
  #gaps = 0;

  constructor(options: FormatOptions) {
    this.#options = options;
  }

  write(batch: LineBatch): Buffer {
    return Buffer.concat([this.#begin(), ...eachEvent(batch, (event) => this.#event(event))]);
  }

  end(): Buffer {
    return Buffer.concat([this.#begin(), Buffer.from(pageFoot({ lines: this.#lines, gaps: this.#gaps }))]);
  }

  #begin(): Buffer {
    const head = this.#isBegun ? '' : pageHead(this.#options);
    this.#isBegun = true;
    return Buffer.from(head);
  }

  #event(event: ChatEvent): string {
    const { hasManyChannels } = this.#options;
    const html = eventHtml(event, { hasManyChannels, groups: this.#removals.groups(event) });
    const style = this.#removals.style(event);
    this.#lines++;
    if (event.type === 'gap') this.#gaps++;
    return this.#heading(event) + html + style;
  }

  #heading({ timestamp }: ChatEvent): string {
    const dayMs = Math.floor(Date.parse(timestamp) / DAY_MS) * DAY_MS;
    if (dayMs === this.#dayMs || Number.isNaN(dayMs)) return '';
    this.#dayMs = dayMs;
    return dayHeading(dayMs);
  }
}
