/**
 * All decisions, in memory and in several places at once (`decision-places.ts`): what one place has, the others get. So a
 * decision that is made anywhere is known everywhere within a minute, a new machine or database learns all of them, and
 * one that cannot be reached gets its own later. A decision takes effect here as soon as it is on the local disk.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ChatlogError, errorText } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { type Decision, type DecisionDraft, makeDecision, parseDecision } from './decision.ts';
import { DecisionGate } from './decision-gate.ts';
import type { DecisionPlace } from './decision-places.ts';
import type { PrivacyGate } from './privacy-gate.ts';

export interface DecisionLogOptions {
  /** The first is where a decision has to be before it takes effect: the local directory. */
  places: readonly [DecisionPlace, ...DecisionPlace[]];
  log: Logger;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** A decision was made or learnt of. Not called for those of the first {@link DecisionLog.load}. */
  onDecision?: (decision: Decision) => void;
}

const SYNC_EVERY_MS = 60_000;
/** So long after a place could not be reached. */
const RETRY_MS = 10_000;

export class DecisionLog {
  readonly #options: DecisionLogOptions;
  readonly #decisions = new Map<string, { decision: Decision; text: string }>();
  readonly #gate = new DecisionGate();
  #wake = Promise.withResolvers<void>();
  readonly #heard = new Set<DecisionPlace>();
  #isLoaded = false;
  #wereAllAsked = false;

  constructor(options: DecisionLogOptions) {
    this.#options = options;
  }

  get gate(): PrivacyGate {
    return this.#gate;
  }

  /**
   * Resolves where each place was asked and one beyond this machine has told what it knows, since this process began:
   * until then there may be wishes nobody here heard of, and nothing should be served. Throws `database_unavailable`.
   */
  async demandKnown(signal: AbortSignal): Promise<void> {
    if (!this.#isKnown()) await this.sync(signal).catch(() => false);
    if (!this.#isKnown())
      throw new ChatlogError('database_unavailable', 'neither index nor archive can be reached');
  }

  #isKnown(): boolean {
    const { places } = this.#options;
    return (
      this.#wereAllAsked &&
      places.some((place) => this.#heard.has(place) && (!place.isLocal || places.length === 1))
    );
  }

  /** In the order in which they were made. */
  all(): Decision[] {
    return [...this.#decisions.values()]
      .map(({ decision }) => decision)
      .sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  }

  /** Reads what lies on the local disk: before anything is recorded or served. Throws the system's error. */
  async load(): Promise<void> {
    await this.#learn(this.#options.places[0], new AbortController().signal);
    this.#isLoaded = true;
  }

  /** Makes a decision: durable and in effect when this resolves; the other places get it soon. */
  async make(draft: DecisionDraft): Promise<Decision> {
    const { places, now } = this.#options;
    const decision = makeDecision(draft, now());
    const text = `${JSON.stringify(decision)}\n`;
    await places[0].write(decision, text, new AbortController().signal);
    this.#take(decision, text);
    this.#wake.resolve();
    return decision;
  }

  /** Brings all places to the same decisions. False where one could not be reached. */
  async sync(signal: AbortSignal): Promise<boolean> {
    const reached = new Map<DecisionPlace, ReadonlySet<string>>();
    const ask = async (place: DecisionPlace) => {
      reached.set(place, await this.#learn(place, signal));
      this.#heard.add(place);
    };
    // Side by side: one that hangs keeps nobody from hearing of the others.
    try {
      await Promise.all(this.#options.places.map((place) => this.#trying(place, signal, () => ask(place))));
    } finally {
      this.#wereAllAsked = true;
    }
    let isComplete = reached.size === this.#options.places.length;
    for (const [place, known] of reached) {
      isComplete = (await this.#trying(place, signal, () => this.#teach(place, known, signal))) && isComplete;
    }
    return isComplete;
  }

  /** Until aborted: {@link sync} at once, every minute, and after each decision. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers<void>();
      const isComplete = await this.sync(signal).catch(() => false);
      const pause = new AbortController();
      const either = AbortSignal.any([signal, pause.signal]);
      const ended = sleep(isComplete ? SYNC_EVERY_MS : RETRY_MS, undefined, { signal: either }).catch(
        () => {},
      );
      await Promise.race([ended, this.#wake.promise]);
      pause.abort();
    }
  }

  async #trying(place: DecisionPlace, signal: AbortSignal, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      signal.throwIfAborted();
      this.#options.log.debug(
        { place: place.name, err: errorText(error) },
        'cannot bring decisions about privacy into line there; tried again soon',
      );
      return false;
    }
  }

  /** The ids of what is there. */
  async #learn(place: DecisionPlace, signal: AbortSignal): Promise<ReadonlySet<string>> {
    const ids = await place.ids(signal);
    for (const id of ids) {
      if (this.#decisions.has(id)) continue;
      const text = await place.read(id, signal);
      const decision = parseDecision(text);
      if (decision?.id === id) this.#take(decision, text);
      else {
        const fields = { place: place.name, id };
        this.#options.log.warn(
          fields,
          'a decision about privacy cannot be read; is this version too old for it?',
        );
      }
    }
    return ids;
  }

  async #teach(place: DecisionPlace, known: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    for (const [id, { decision, text }] of this.#decisions) {
      if (!known.has(id)) await place.write(decision, text, signal);
    }
  }

  #take(decision: Decision, text: string): void {
    if (this.#decisions.has(decision.id)) return;
    this.#decisions.set(decision.id, { decision, text });
    this.#gate.add(decision);
    if (this.#isLoaded) this.#options.onDecision?.(decision);
  }
}
