/** What no configuration needs to change; tests do. All in milliseconds, but for `ghostIntervals`. */
export interface TwitchTiming {
  /** Timeouts, pauses and silences are looked after so often. */
  tickMs: number;
  registerTimeoutMs: number;
  /** Capabilities are asked for anew after so long. */
  capFallbackMs: number;
  /** Pause after `msg_concurrent_channel_limit_reached`. */
  limitMs: number;
  /** A replaced connection lives on for so long at most. */
  overlapMaxMs: number;
  /** It stays for so long after its last channel has moved: its lines may come later than the same time's elsewhere. */
  overlapLingerMs: number;
  joinWindowMs: number;
  /** No silence of a channel is suspicious that is shorter than so many of its usual intervals. */
  ghostIntervals: number;
}

export const TWITCH_TIMING: TwitchTiming = {
  tickMs: 1000,
  registerTimeoutMs: 20_000,
  capFallbackMs: 3000,
  limitMs: 10 * 60_000,
  overlapMaxMs: 2 * 60_000,
  overlapLingerMs: 3000,
  // Twitch's 10 s, and something for the way there: counted there, two windows must not touch.
  joinWindowMs: 10_500,
  ghostIntervals: 30,
};
