// Signed STUN messages as an ICE agent sends them, for tests and benchmarks. Written from RFC 8489,
// independently of the parser.

import { createHmac } from "node:crypto";

export interface StunRequestOptions {
  readonly user: string;
  readonly password: string;
  /** Twelve bytes; 0, 1, 2 … unless given. */
  readonly transaction?: Uint8Array;
  /** Whether a FINGERPRINT is added at the end, as ICE requires. */
  readonly fingerprint?: boolean;
}

let transactions = 0;

export function stunRequest(options: StunRequestOptions): Uint8Array<ArrayBuffer> {
  const { user, password, fingerprint = true } = options;
  const transaction = options.transaction ?? nextTransaction();
  const name = new TextEncoder().encode(user);
  const priority = attribute(0x0024, Uint8Array.of(0x6e, 0, 1, 0xff));
  const parts = [header(transaction), attribute(0x0006, name), priority];
  const signed = withLength(concat(parts), 24);
  const signature = createHmac("sha1", password).update(signed).digest();
  const whole = concat([signed, attribute(0x0008, new Uint8Array(signature))]);
  if (!fingerprint) return withLength(whole, 0);
  const summed = withLength(whole, 8);
  const sum = new Uint8Array(4);
  new DataView(sum.buffer).setUint32(0, (crc32(summed) ^ 0x5354554e) >>> 0);
  return concat([summed, attribute(0x8028, sum)]);
}

function nextTransaction(): Uint8Array {
  const transaction = new Uint8Array(12);
  new DataView(transaction.buffer).setUint32(8, ++transactions);
  return transaction;
}

function header(transaction: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42), transaction]);
}

function attribute(type: number, value: Uint8Array): Uint8Array {
  const head = Uint8Array.of(type >> 8, type, value.length >> 8, value.length);
  return concat([head, value, new Uint8Array(-value.length & 3)]);
}

/** Sets the length in the header as if `more` bytes of attributes followed. */
function withLength(message: Uint8Array<ArrayBuffer>, more: number): Uint8Array<ArrayBuffer> {
  new DataView(message.buffer).setUint16(2, message.length - 20 + more);
  return message;
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
