const UNITS: Readonly<Record<string, number>> = { w: 604_800, d: 86_400, h: 3_600, m: 60, s: 1 };

/** Seconds of `1d2h`, `10m 30s`; undefined for anything else. */
export function compactSeconds(text: string): number | undefined {
  if (!/^(?:\d{1,9}[wdhms] ?)+$/.test(text)) return undefined;
  return [...text.matchAll(/(\d+)([wdhms])/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * UNITS[unit!]!,
    0,
  );
}
