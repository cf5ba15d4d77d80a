// Converts raw client addresses to and from the C library's socket addresses: `sockaddr_in` (ip(7)) and
// `sockaddr_in6` (ipv6(7)). Makes no calls.

import { AF_INET, AF_INET6 } from "./libc.ts";

const SIZE_V4 = 16;
const SIZE_V6 = 28;

/** Length in bytes of a socket address of that family. */
export function sockaddrLength(family: number): number {
  return family === AF_INET ? SIZE_V4 : SIZE_V6;
}

/**
 * Writes a socket address of that family; for AF_INET only the IPv4 part is used.
 *
 * @param raw in the form of `Datagram.sender`
 */
export function writeSockaddr(raw: Uint8Array, family: number, out: Uint8Array, at: number): void {
  out[at] = family;
  out[at + 1] = 0;
  out[at + 2] = raw[16]!;
  out[at + 3] = raw[17]!;
  if (family === AF_INET) {
    for (let byte = 0; byte < 4; byte++) out[at + 4 + byte] = raw[12 + byte]!;
    for (let byte = 8; byte < SIZE_V4; byte++) out[at + byte] = 0;
    return;
  }
  for (let byte = 0; byte < 4; byte++) out[at + 4 + byte] = 0;
  for (let byte = 0; byte < 16; byte++) out[at + 8 + byte] = raw[byte]!;
  for (let byte = 24; byte < SIZE_V6; byte++) out[at + byte] = 0;
}

/** Reads a socket address of either family into the raw form. */
export function readSockaddr(from: Uint8Array, at: number, raw: Uint8Array): void {
  raw[16] = from[at + 2]!;
  raw[17] = from[at + 3]!;
  if (from[at] === AF_INET6) {
    for (let byte = 0; byte < 16; byte++) raw[byte] = from[at + 8 + byte]!;
    return;
  }
  for (let byte = 0; byte < 10; byte++) raw[byte] = 0;
  raw[10] = raw[11] = 0xff;
  for (let byte = 0; byte < 4; byte++) raw[12 + byte] = from[at + 4 + byte]!;
}
