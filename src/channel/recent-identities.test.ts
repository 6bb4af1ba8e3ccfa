import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecentIdentities } from './recent-identities.ts';

describe('RecentIdentities', () => {
  it('answers as a set does, as long as no more than half its size is in it', () => {
    const commands = fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.string({ maxLength: 4 })), {
      maxLength: 400,
    });
    fc.assert(
      fc.property(commands, (adds) => {
        const recent = new RecentIdentities(1000);
        const model = new Set<string>();
        for (const [scope, identity] of adds) {
          const key = `${scope} ${identity}`;
          expect(recent.add(scope, identity)).toBe(!model.has(key));
          model.add(key);
        }
      }),
    );
  });

  it('remembers at least the last half of its size, and forgets what is older than all of it', () => {
    const recent = new RecentIdentities(1000);
    for (let number = 0; number < 5000; number++) {
      expect(recent.add(1, `id-${number}`)).toBe(true);
      if (number >= 500) expect(recent.add(1, `id-${number - 499}`)).toBe(false);
    }
    expect(recent.add(1, 'id-3000')).toBe(true);
  });

  it('tells a million ids apart', () => {
    const recent = new RecentIdentities(4_000_000);
    let known = 0;
    for (let number = 0; number < 1_000_000; number++) {
      if (!recent.add(7, `ca561310-6855-43b3-8325-${number.toString(16).padStart(12, '0')}`)) known++;
    }
    expect(known).toBe(0);
  });
});
