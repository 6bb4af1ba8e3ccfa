import { describe, expect, it } from 'vitest';
import { PROPERTIES } from './properties.ts';

describe('fuzzing', () => {
  it.each(PROPERTIES.map((property) => [property.name, property] as const))(
    '%s',
    async (_, { suiteRuns, check }) => {
      expect(await check({ numRuns: suiteRuns })).toMatch(/[1-9]/);
    },
    120_000,
  );
});
