/**
 * A fixed 32-bit hash of a text: FNV-1a over its UTF-16 code units, finished with MurmurHash3's `fmix32`.
 * Part of the record format (sampling decides by it): never to be changed.
 *
 * FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/  fmix32: https://github.com/aappleby/smhasher (public domain)
 */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
