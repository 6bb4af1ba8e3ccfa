/** Time as the stages ask for it, so that tests can turn it. */
export interface Clock {
  /** Wall clock, ms since the epoch. Jumps both ways; never used to measure how long something took. */
  now(): number;
  /** Milliseconds since some fixed point; never goes back. */
  monotonic(): number;
}

export const systemClock: Clock = { now: Date.now, monotonic: () => performance.now() };
