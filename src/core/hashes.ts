// Hashes for threads that exist many times over. Not from `node:crypto`, which takes two megabytes of
// memory in each thread that loads it; the data hashed here is short.

import { hmac } from "@noble/hashes/hmac.js";
import { sha1 } from "@noble/hashes/legacy.js";
import { sha256 as hashSha256 } from "@noble/hashes/sha2.js";

const ENCODER = new TextEncoder();

/** SHA-256 of all arguments in sequence, 32 bytes. */
export function sha256(...data: readonly (Uint8Array | string)[]): Uint8Array {
  const hash = hashSha256.create();
  for (const one of data) hash.update(bytesOf(one));
  return hash.digest();
}

/** HMAC-SHA-256 of all data in sequence, 32 bytes. */
export function hmacSha256(key: Uint8Array, ...data: readonly Uint8Array[]): Uint8Array {
  const hash = hmac.create(hashSha256, key);
  for (const one of data) hash.update(one);
  return hash.digest();
}

/** HMAC-SHA-1 of all data in sequence, 20 bytes. */
export function hmacSha1(key: string, ...data: readonly Uint8Array[]): Uint8Array {
  const hash = hmac.create(sha1, bytesOf(key));
  for (const one of data) hash.update(one);
  return hash.digest();
}

function bytesOf(data: Uint8Array | string): Uint8Array {
  return typeof data === "string" ? ENCODER.encode(data) : data;
}
