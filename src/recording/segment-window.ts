/**
 * Which segment a line belongs to, and when a segment is finished: pure decisions about time and size.
 */

/** A stretch of event time, within one UTC hour, that one segment covers: `startMs <= time < endMs`. */
export interface SegmentWindow {
  startMs: number;
  endMs: number;
}

/** @param rotateMinutes divides 60. */
export function windowOf(timeMs: number, rotateMinutes: number): SegmentWindow {
  const lengthMs = rotateMinutes * 60_000;
  const startMs = Math.floor(timeMs / lengthMs) * lengthMs;
  return { startMs, endMs: startMs + lengthMs };
}

export interface SealLimits {
  rotateBytes: number;
  /** A window that is over is kept open so long after its last line, for those that come late. */
  idleSealMs: number;
}

/**
 * A segment is finished when it is full, or when its window is over by the wall clock and nothing has come for a
 * while. The clock may jump: back, and the window is open again; ahead, and it is sealed early, which costs a file
 * more and nothing else, since each line goes by its own time.
 */
export function isFinished(
  segment: { window: SegmentWindow; bytes: number; idleMs: number },
  nowMs: number,
  limits: SealLimits,
): boolean {
  if (segment.bytes >= limits.rotateBytes) return true;
  return nowMs >= segment.window.endMs && segment.idleMs >= limits.idleSealMs;
}
