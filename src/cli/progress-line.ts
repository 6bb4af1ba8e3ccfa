/** How far a command is: one line that is written over on a terminal, a line now and then elsewhere; on standard error. */
import { formatBytes, formatDuration } from './format.ts';
import type { Terminal } from './terminal.ts';

const ON_TERMINAL_MS = 250;
const ELSEWHERE_MS = 10_000;
const BAR_CHARS = 20;
const ERASE_LINE = '\r\u001b[K';

export class ProgressLine {
  readonly #terminal: Pick<Terminal, 'err'>;
  readonly #stream: Pick<NodeJS.WriteStream, 'isTTY' | 'columns' | 'write'> | undefined;
  readonly #startedMs: number = performance.now();
  #shownMs: number;
  #isOnLine = false;

  /** @param isQuiet nothing is shown, as `--quiet` and `--json` want it */
  constructor(
    terminal: Pick<Terminal, 'err'>,
    { isQuiet = false, stream = process.stderr }: { isQuiet?: boolean; stream?: NodeJS.WriteStream } = {},
  ) {
    this.#terminal = terminal;
    this.#stream = isQuiet ? undefined : stream;
    this.#shownMs = this.#startedMs;
  }

  /** To be called as often as one likes: `text` is asked for only when it is time to show it. */
  show(text: (seconds: number) => string): void {
    if (!this.#stream) return;
    const nowMs = performance.now();
    const isTerminal = this.#stream.isTTY === true;
    if (nowMs - this.#shownMs < (isTerminal ? ON_TERMINAL_MS : ELSEWHERE_MS)) return;
    this.#shownMs = nowMs;
    const line = text((nowMs - this.#startedMs) / 1000);
    if (!isTerminal) {
      this.#terminal.err(line);
      return;
    }
    this.#stream.write(ERASE_LINE + line.slice(0, (this.#stream.columns || 80) - 1));
    this.#isOnLine = true;
  }

  /** The same of what is fetched, on a terminal with a bar before it. */
  showTransfer(progress: TransferProgress): void {
    this.show((seconds) => {
      const text = transferText(progress, seconds);
      const share = this.#stream?.isTTY === true && shareOf(progress);
      return typeof share === 'number' ? `${progressBar(share)} ${text}` : text;
    });
  }

  /** Before anything else is printed. */
  clear(): void {
    if (this.#isOnLine) this.#stream?.write(ERASE_LINE);
    this.#isOnLine = false;
  }
}

export interface TransferProgress {
  /** Of stored objects, as the listing gives them; `totalBytes` is undefined until all are listed. */
  doneBytes: number;
  totalBytes: number | undefined;
  doneObjects: number;
  totalObjects: number | undefined;
}

/** 0 to 1; undefined until everything is listed. */
function shareOf({ doneBytes, totalBytes }: TransferProgress): number | undefined {
  return totalBytes ? Math.min(1, doneBytes / totalBytes) : undefined;
}

/** `█████░░░░░░░░░░░░░░░` */
export function progressBar(share: number): string {
  const done = Math.floor(share * BAR_CHARS);
  return '█'.repeat(done) + '░'.repeat(BAR_CHARS - done);
}

/** `120 of 480 objects, 3.1 MiB of 12 MiB (26 %), 1.5 MiB/s, 3 min left` */
export function transferText(progress: TransferProgress, seconds: number): string {
  const { doneBytes, totalBytes, doneObjects, totalObjects } = progress;
  const rate = doneBytes / Math.max(seconds, 0.001);
  const of = (total: string | undefined) => (total === undefined ? '' : ` of ${total}`);
  const share = totalBytes ? ` (${Math.floor((100 * doneBytes) / totalBytes)} %)` : '';
  const parts = [
    `${doneObjects}${of(totalObjects?.toString())} objects`,
    `${formatBytes(doneBytes)}${of(totalBytes === undefined ? undefined : formatBytes(totalBytes))}${share}`,
    `${formatBytes(rate)}/s`,
  ];
  if (totalBytes !== undefined && doneBytes > 0 && doneBytes < totalBytes)
    parts.push(`${formatDuration((totalBytes - doneBytes) / rate)} left`);
  return parts.join(', ');
}
