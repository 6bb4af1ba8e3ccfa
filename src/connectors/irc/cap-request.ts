/**
 * Sees to it that required capabilities are asked for and answered. irc-framework asks after the server's list only
 * and for all at once: where no answer comes, or the whole request is refused, each is asked for by itself.
 */
export class CapRequest {
  readonly #required: ReadonlySet<string>;
  readonly #wanted: ReadonlySet<string>;
  readonly #send: (line: string) => void;
  readonly #acknowledged = new Set<string>();
  readonly #refused = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  /** Without required capabilities it does nothing: irc-framework's way is enough for what is merely welcome. */
  constructor(required: readonly string[], welcome: readonly string[], send: (line: string) => void) {
    this.#required = new Set(required);
    this.#wanted = new Set(required.length > 0 ? [...required, ...welcome] : []);
    this.#send = send;
  }

  /** Every required capability was acknowledged. */
  get complete(): boolean {
    return this.#required.isSubsetOf(this.#acknowledged);
  }

  /** Required capabilities that were refused though asked for by themselves. */
  get refused(): string[] {
    return [...this.#refused].filter((name) => this.#required.has(name));
  }

  /** Asks again, in one line, after `fallbackMs` and then as often, until all are answered. */
  start(fallbackMs: number): void {
    if (this.#wanted.size === 0) return;
    this.#timer = setInterval(() => {
      const open = this.#unanswered();
      if (open.length > 0) this.#send(`CAP REQ :${open.join(' ')}`);
    }, fallbackMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** @param params of a CAP line: client, subcommand, capabilities. */
  answered(params: readonly string[]): void {
    const names = (params.at(-1) ?? '').split(' ').filter((name) => name !== '');
    if (params[1] === 'ACK') {
      for (const name of names) this.#acknowledged.add(name);
    } else if (params[1] === 'NAK' && names.length === 1) {
      this.#refused.add(names[0]!);
    } else if (params[1] === 'NAK') {
      for (const name of this.#unanswered()) this.#send(`CAP REQ :${name}`);
    }
  }

  #unanswered(): string[] {
    return [...this.#wanted].filter((name) => !this.#acknowledged.has(name) && !this.#refused.has(name));
  }
}
