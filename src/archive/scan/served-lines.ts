import { servedEvent } from '../../archive-query/served-event.ts';
import { eventIdentity } from '../../event.ts';
import { IdenticalLines } from '../../index/identical-lines.ts';
import { messageKey } from '../../index/message-key.ts';
import type { PrivacyGate } from '../../privacy/privacy-gate.ts';
import { type LineBatch, lineAt } from './line-batch.ts';
import { parsedLine, repeatKey } from './line-facts.ts';

/** Lines of one segment as they may be shown: without people who opted out, and what else was asked to be left out. */
export class ServedLines {
  readonly #gate: PrivacyGate;
  readonly #platform: string;
  readonly #repeats = new IdenticalLines();

  constructor(gate: PrivacyGate, platform: string) {
    this.#gate = gate;
    this.#platform = platform;
  }

  /** `keep` as it is, `remove`, or what is to be shown in its place, without line end. Lines are asked about in their order. */
  judge(lines: LineBatch, index: number): 'keep' | 'remove' | Buffer {
    const event = parsedLine(lines.bytes, lines.offsets[index]!, lines.offsets[index + 1]! - 1);
    if (!event) return 'keep';
    const line = lineAt(lines, index);
    const before = this.#repeats.countBefore(line.toString('latin1'), event.received_at);
    const identity = eventIdentity(event);
    const key =
      identity === '' ? repeatKey(line, this.#platform, before) : messageKey(this.#platform, identity);
    const served = servedEvent(this.#gate, { event, timeMs: lines.times[index]!, key });
    if (served === undefined) return 'remove';
    return served === event ? 'keep' : Buffer.from(JSON.stringify(served));
  }
}
