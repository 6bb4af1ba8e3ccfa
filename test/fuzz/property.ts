/** One thing that has to hold for whatever comes: fast-check makes it up, shrinks what breaks it and says the seed. */
export interface FuzzProperty {
  name: string;
  /** How many cases one of the suite's runs makes of it; more where a case is cheap. */
  suiteRuns: number;
  /** Rejects with fast-check's report. Returns what it went through, for people: `120,000 lines`. */
  check(options: { numRuns: number; seed?: number }): Promise<string>;
}
