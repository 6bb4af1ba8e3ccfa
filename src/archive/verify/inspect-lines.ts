/** What is wrong with the lines of a segment, line by line while they pass by. Every line is parsed. */
import { type ChatEvent, eventType } from '../../event.ts';
import { encodeName } from '../../segment-name.ts';
import { manifestGap } from '../manifest/gap-scanner.ts';
import type { ManifestGap } from '../manifest/manifest.ts';

/** What the segment's name promises. May be sent to another thread. */
export interface LineRules {
  /** Encoded, as in names. */
  platform: string;
  channel: string;
  /** Half-open, ms since the epoch. */
  fromMs: number;
  toMs: number;
  /** Lines stand in order of time, as in a day object; else in the order of their arrival. */
  isSorted: boolean;
}

/** How many lines, and the first of them: from 1 on, with what it has in place of what it should have. */
export interface Finding {
  count: number;
  line: number;
  example: string;
}

/** Lines of one hour, gap lines aside. */
export interface HourLines {
  hourMs: number;
  lines: number;
  firstMs: number;
  lastMs: number;
}

export interface LineFindings {
  /** Lines that are no event. */
  malformed: Finding | undefined;
  /** Lines of another time than the name's. */
  outside: Finding | undefined;
  /** Lines of another channel or platform. */
  strangers: Finding | undefined;
  /** Where lines are sorted: those that stand before an earlier one. Else: live lines that were received earlier than one before. */
  disorder: Finding | undefined;
  /** In order of time. */
  hours: HourLines[];
  gaps: ManifestGap[];
}

const NEWLINE = 0x0a;
const LINE_BYTES_MAX = 16 * 1024 * 1024;
/** A clock that is set back by less is an ordinary one. */
const BACKWARDS_MS = 5_000;
const HOUR_MS = 3_600_000;
const EXAMPLE_CHARS = 80;

export class LinesInspector {
  readonly #rules: LineRules;
  readonly #findings: LineFindings = {
    ...{ malformed: undefined, outside: undefined, strangers: undefined, disorder: undefined },
    ...{ hours: [], gaps: [] },
  };
  readonly #hours = new Map<number, HourLines>();
  #line = 0;
  #rest: Buffer[] = [];
  #restBytes = 0;
  /** Names of the last line, which are nearly always those of the next one. */
  #names = { platform: '', channel: '', areOurs: false };
  #lastTime = '';
  #lastReceived = '';
  #receivedMs = Number.NEGATIVE_INFINITY;

  constructor(rules: LineRules) {
    this.#rules = rules;
  }

  /** The chunk may be reused by the caller afterwards. */
  update(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = chunk.subarray(start, end);
      this.#take(this.#rest.length === 0 ? line : Buffer.concat([...this.#rest, line]));
      this.#rest = [];
      this.#restBytes = 0;
      start = end + 1;
    }
    if (start === chunk.length) return;
    const rest = chunk.subarray(start);
    this.#restBytes += rest.length;
    if (this.#restBytes <= LINE_BYTES_MAX) this.#rest.push(Buffer.from(rest));
  }

  /** @param isCut the lines end where they should not: what stands there is not looked at */
  finish(isCut: boolean): LineFindings {
    if (this.#restBytes > 0 && !isCut) {
      this.#line++;
      this.#note('malformed', 'the last line has no end');
    }
    this.#findings.hours = [...this.#hours.values()].toSorted((a, b) => a.hourMs - b.hourMs);
    return this.#findings;
  }

  #take(bytes: Buffer): void {
    this.#line++;
    const text = bytes.toString('utf8');
    const event = eventOf(text);
    const timeMs = event ? Date.parse(event.timestamp) : Number.NaN;
    if (!event || Number.isNaN(timeMs)) {
      this.#note('malformed', this.#restBytes > LINE_BYTES_MAX ? 'longer than 16 MiB' : text);
      return;
    }
    const { fromMs, toMs, isSorted } = this.#rules;
    const isInside = timeMs >= fromMs && timeMs < toMs;
    if (!isInside) this.#note('outside', event.timestamp);
    if (!this.#isOurs(event)) this.#note('strangers', `${event.platform}/${event.channel}`);
    if (isSorted) this.#checkSorted(event);
    else this.#checkArrival(event);
    const gap = manifestGap(event);
    if (gap) this.#findings.gaps.push(gap);
    else if (isInside) this.#count(timeMs);
  }

  #isOurs({ platform, channel }: ChatEvent): boolean {
    const names = this.#names;
    if (names.platform !== platform || names.channel !== channel) {
      const areOurs =
        encodeName(platform) === this.#rules.platform && encodeName(channel) === this.#rules.channel;
      this.#names = { platform, channel, areOurs };
    }
    return this.#names.areOurs;
  }

  #checkSorted({ timestamp, received_at: received = timestamp }: ChatEvent): void {
    const [lastTime, lastReceived] = [this.#lastTime, this.#lastReceived];
    if (timestamp < lastTime || (timestamp === lastTime && received < lastReceived))
      this.#note('disorder', `${timestamp} after ${lastTime}`);
    this.#lastTime = timestamp;
    this.#lastReceived = received;
  }

  #checkArrival(event: ChatEvent): void {
    const { source, received_at: received } = event;
    if (source !== undefined || received === undefined || eventType(event) === 'gap') return;
    const receivedMs = Date.parse(received);
    if (receivedMs < this.#receivedMs - BACKWARDS_MS)
      this.#note('disorder', `received ${received} after ${new Date(this.#receivedMs).toISOString()}`);
    if (receivedMs > this.#receivedMs) this.#receivedMs = receivedMs;
  }

  #count(timeMs: number): void {
    const hourMs = Math.floor(timeMs / HOUR_MS) * HOUR_MS;
    const hour = this.#hours.get(hourMs);
    if (!hour) {
      this.#hours.set(hourMs, { hourMs, lines: 1, firstMs: timeMs, lastMs: timeMs });
      return;
    }
    hour.lines++;
    if (timeMs < hour.firstMs) hour.firstMs = timeMs;
    if (timeMs > hour.lastMs) hour.lastMs = timeMs;
  }

  #note(name: 'malformed' | 'outside' | 'strangers' | 'disorder', example: string): void {
    const finding = this.#findings[name];
    if (finding) finding.count++;
    else this.#findings[name] = { count: 1, line: this.#line, example: example.slice(0, EXAMPLE_CHARS) };
  }
}

/** Undefined where the line is no event: what it has to have is not there. */
function eventOf(text: string): ChatEvent | undefined {
  try {
    const event = JSON.parse(text) as Partial<ChatEvent> | null;
    const { timestamp, channel, platform } = event ?? {};
    const isEvent = [timestamp, channel, platform].every((member) => typeof member === 'string');
    return isEvent ? (event as ChatEvent) : undefined;
  } catch {
    return undefined;
  }
}
