// MurmurHash3 for 32 bits (x86 variant), the public-domain hash by Austin Appleby. Well distributed and,
// unlike Web Crypto, synchronous; not for secrets and not safe against attackers.

const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;

/** The hash of the bytes as an unsigned 32-bit number; another seed gives another hash. */
export function murmur3(bytes: Uint8Array, seed: number): number {
  const whole = bytes.length & ~3;
  let hash = seed;
  for (let at = 0; at < whole; at += 4) {
    hash ^= scramble(littleEndian(bytes, at, 4));
    hash = Math.imul(rotate(hash, 13), 5) + 0xe6546b64;
  }
  if (whole < bytes.length) hash ^= scramble(littleEndian(bytes, whole, bytes.length - whole));
  return finish(hash ^ bytes.length);
}

function littleEndian(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let index = length - 1; index >= 0; index--) value = (value << 8) | bytes[at + index]!;
  return value;
}

function scramble(value: number): number {
  return Math.imul(rotate(Math.imul(value, C1), 15), C2);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function finish(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
