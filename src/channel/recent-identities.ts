/**
 * The identities seen lately, in memory of a fixed size: two generations of an open-addressing table of 96-bit
 * digests. When the younger generation is full, the older one is emptied and takes its place; so between half and
 * all of `size` identities are remembered. Two different identities are taken for one with a chance of about
 * `size / 2^96` per event.
 */
const WORDS = 3;

export class RecentIdentities {
  readonly #perGeneration: number;
  readonly #mask: number;
  #young: Uint32Array;
  #old: Uint32Array;
  #youngCount = 0;
  /** The digest of the identity asked for last. */
  readonly #digest = new Uint32Array(WORDS);

  constructor(size: number) {
    this.#perGeneration = Math.max(8, Math.ceil(size / 2));
    const slots = 2 ** Math.ceil(Math.log2(this.#perGeneration * 1.5));
    this.#mask = slots - 1;
    this.#young = new Uint32Array(slots * WORDS);
    this.#old = new Uint32Array(slots * WORDS);
  }

  /** Remembers an identity; false if it was known. `scope` keeps the identities of two platforms apart. */
  add(scope: number, identity: string): boolean {
    digestInto(this.#digest, scope, identity);
    const slot = this.#find(this.#young);
    if (slot < 0 || this.#find(this.#old) < 0) return false;
    this.#young.set(this.#digest, slot);
    if (++this.#youngCount >= this.#perGeneration) this.#age();
    return true;
  }

  /** The free place for the digest, or -1 if it is there. */
  #find(table: Uint32Array): number {
    const [first, second, third] = this.#digest as unknown as [number, number, number];
    for (let index = first & this.#mask; ; index = (index + 1) & this.#mask) {
      const slot = index * WORDS;
      if (table[slot] === first && table[slot + 1] === second && table[slot + 2] === third) return -1;
      if (table[slot] === 0 && table[slot + 1] === 0 && table[slot + 2] === 0) return slot;
    }
  }

  #age(): void {
    const emptied = this.#old;
    this.#old = this.#young;
    this.#young = emptied.fill(0);
    this.#youngCount = 0;
  }
}

/** Three lanes of multiply and rotate, mixed at the end; the lanes differ in their constants. */
function digestInto(digest: Uint32Array, scope: number, text: string): void {
  // Mixed differently into each lane, or a scope and a first letter could cancel each other out.
  let a = mix(scope ^ 0x9e3779b9);
  let b = mix(scope ^ 0x7f4a7c15);
  let c = mix(scope ^ 0x94d049bb);
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    a = Math.imul(a ^ unit, 0xcc9e2d51);
    a = (a << 15) | (a >>> 17);
    b = Math.imul(b ^ unit, 0x85ebca6b);
    b = (b << 13) | (b >>> 19);
    c = Math.imul(c ^ unit, 0x1b873593);
    c = (c << 16) | (c >>> 16);
  }
  a = mix(a ^ text.length);
  b = mix(b ^ a);
  c = mix(c ^ b);
  digest[0] = a ^ c;
  digest[1] = b;
  // All zero marks a free place.
  digest[2] = c === 0 ? 1 : c;
}

/** MurmurHash3's `fmix32`. */
function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
