// The digests of the "complex" handshake, which Flash and hardware of its time require from a
// server before they play. A client that signs C1 gets a signed S1 and S2; encryption keys are left
// random, because nothing is encrypted. Not in Adobe's specification; compatible with SRS and
// librtmp.

/** HMAC-SHA256 of the concatenated data. */
export type Hmac = (key: Uint8Array, ...data: readonly Uint8Array[]) => Uint8Array;

/** Where a block has its digest: after the key block, or before it. */
export type DigestScheme = 0 | 1;

const DIGEST = 32;
const BLOCK = 1536;
/** Start of the half of a block that contains the digest, by scheme. */
const HALF = [772, 8] as const;
const SHARED_SECRET = "f0eec24a8068bee82e00d0d1029e7e576eec5d2d29806fab93b8e636cfeb31ae".match(
  /../g,
)!;
const PLAYER = keyOf("Genuine Adobe Flash Player 001");
const SERVER = keyOf("Genuine Adobe Flash Media Server 001");
const PLAYER_NAME = PLAYER.subarray(0, -SHARED_SECRET.length);
const SERVER_NAME = SERVER.subarray(0, -SHARED_SECRET.length);
/** The version that SRS claims in S1. */
const SERVER_VERSION = [1, 0, 5, 4] as const;

function keyOf(name: string): Uint8Array {
  const secret = SHARED_SECRET.map((pair) => parseInt(pair, 16));
  return Uint8Array.from([...new TextEncoder().encode(name), ...secret]);
}

/** Finds how a client has signed its C1; undefined if it has not. */
export function findDigest(
  c1: Uint8Array,
  hmac: Hmac,
): { readonly scheme: DigestScheme; readonly digest: Uint8Array } | undefined {
  for (const scheme of [0, 1] as const) {
    const at = digestOffset(c1, scheme);
    const digest = c1.subarray(at, at + DIGEST);
    if (isEqual(digest, digestOf(c1, at, { key: PLAYER_NAME, hmac }))) return { scheme, digest };
  }
  return undefined;
}

/**
 * Turns a block of random bytes into an S1.
 *
 * @param version the four bytes after the time; ffmpeg checks digests only from version 3 on
 */
export function signServerBlock(
  s1: Uint8Array,
  scheme: DigestScheme,
  hmac: Hmac,
  version: readonly number[] = SERVER_VERSION,
): void {
  s1.fill(0, 0, 4);
  s1.set(version, 4);
  const at = digestOffset(s1, scheme);
  s1.set(digestOf(s1, at, { key: SERVER_NAME, hmac }), at);
}

/** Turns a block of random bytes into the S2 for a client's digest. */
export function signServerEcho(s2: Uint8Array, clientDigest: Uint8Array, hmac: Hmac): void {
  const end = BLOCK - DIGEST;
  s2.set(hmac(hmac(SERVER, clientDigest), s2.subarray(0, end)), end);
}

/** The first four bytes of the half give the position of the digest in it. */
function digestOffset(block: Uint8Array, scheme: DigestScheme): number {
  const half = HALF[scheme];
  const sum = block[half]! + block[half + 1]! + block[half + 2]! + block[half + 3]!;
  return half + 4 + sum % 728;
}

function digestOf(
  block: Uint8Array,
  at: number,
  { key, hmac }: { readonly key: Uint8Array; readonly hmac: Hmac },
): Uint8Array {
  return hmac(key, block.subarray(0, at), block.subarray(at + DIGEST, BLOCK));
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.every((byte, index) => byte === other[index]);
}
