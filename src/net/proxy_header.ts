// The header in which a load balancer names the client, before the client's first byte: the PROXY
// protocol, versions 1 (text) and 2 (binary), as published by HAProxy
// (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt). Knows no socket.

import type { Address } from "../core/address.ts";
import { ByteWriter } from "../core/byte_writer.ts";
import { ProtocolError } from "../core/errors.ts";
import { formatIp, parseIp, unmapIp } from "../core/ip_address.ts";

/** Longest line of version 1, CRLF included (section 2.1). */
const LONGEST_LINE = 107;
/** Bytes of signature, version and command, family and length of version 2 (section 2.2). */
const FIXED = 16;
const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
const TEXT_SIGNATURE = [0x50, 0x52, 0x4f, 0x58, 0x59, 0x20];
const [LOCAL, PROXY] = [0x20, 0x21];
const [TCP4, TCP6] = [0x11, 0x21];
/** Transports whose addresses are of no use here: unspecified, and UNIX streams. */
const NAMELESS: readonly number[] = [0x00, 0x31];
const LATIN1 = new TextDecoder("latin1");

/** With this many bytes every header can be understood, however long it is. */
export const MOST_OF_HEADER = 107;

export interface ProxyHeader {
  /** Length of the whole header, which may be more than has arrived: the rest is to be skipped. */
  readonly length: number;
  /** Absent when the balancer speaks for itself, as in a health check. */
  readonly client: Address | undefined;
}

/**
 * Reads the header at the beginning of a connection.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const said = "PROXY TCP4 192.0.2.7 203.0.113.1 40000 1935\r\n";
 * const header = parseProxyHeader(new TextEncoder().encode(said));
 * assert.deepEqual(header, { length: said.length, client: { host: "192.0.2.7", port: 40000 } });
 * ```
 *
 * @param bytes all that has arrived so far
 * @returns `more` while that is too little to tell, `none` when there is no header
 * @throws ProtocolError when the header is malformed
 */
export function parseProxyHeader(bytes: Uint8Array): ProxyHeader | "more" | "none" {
  const version = versionOf(bytes);
  if (version === "more" || version === "none") return version;
  return version === 1 ? parseText(bytes) : parseBinary(bytes);
}

/**
 * A header of version 2 for a connection that carries this client's bytes. If one address is IPv4 and
 * the other IPv6, both are written as IPv6.
 *
 * @param client an IP address
 * @param destination where the client wanted to go, an IP address too
 */
export function encodeProxyHeader(client: Address, destination: Address): Uint8Array {
  const [from, to] = [parseIp(client.host), parseIp(destination.host)];
  if (from === undefined || to === undefined) return encodeLocal();
  const isIpv4 = from.length === 4 && to.length === 4;
  const writer = new ByteWriter();
  writer.bytes(Uint8Array.from([...SIGNATURE, PROXY, isIpv4 ? TCP4 : TCP6]));
  writer.u16(isIpv4 ? 12 : 36);
  for (const ip of [from, to]) writer.bytes(Uint8Array.from(isIpv4 ? ip : mapped(ip)));
  writer.u16(client.port);
  writer.u16(destination.port);
  return writer.finish();
}

/** A header of version 2 for a connection that carries only the sender's own bytes. */
export function encodeLocal(): Uint8Array {
  return Uint8Array.from([...SIGNATURE, LOCAL, 0, 0, 0]);
}

function versionOf(bytes: Uint8Array): 1 | 2 | "more" | "none" {
  for (const [signature, version] of [[TEXT_SIGNATURE, 1], [SIGNATURE, 2]] as const) {
    const count = Math.min(bytes.length, signature.length);
    if (!signature.slice(0, count).every((byte, at) => bytes[at] === byte)) continue;
    return count < signature.length ? "more" : version;
  }
  return "none";
}

function parseText(bytes: Uint8Array): ProxyHeader | "more" {
  const line = bytes.subarray(0, LONGEST_LINE);
  const end = line.indexOf(0x0a);
  if (end < 0) {
    if (line.length < LONGEST_LINE) return "more";
    throw broken(`a line over ${LONGEST_LINE} bytes`);
  }
  if (line[end - 1] !== 0x0d) throw broken("a line that ends without CR");
  const words = LATIN1.decode(line.subarray(0, end - 1)).split(" ");
  const length = end + 1;
  const [, family, source, destination, sourcePort, destinationPort, ...rest] = words;
  // "The receiver must ignore anything presented before the CRLF" (section 2.1).
  if (family === "UNKNOWN") return { length, client: undefined };
  const size = family === "TCP4" ? 4 : family === "TCP6" ? 16 : undefined;
  if (size === undefined) throw broken("a protocol other than TCP4, TCP6 and UNKNOWN");
  const [from, to] = [source, destination].map((text) => parseIp(text ?? ""));
  if (from?.length !== size || to?.length !== size) throw broken(`no ${family} addresses`);
  const [port] = [sourcePort, destinationPort].map(parsePort);
  if (rest.length > 0) throw broken("more than four values");
  return { length, client: { host: formatIp(unmapIp(from)), port: port! } };
}

function parsePort(text: string | undefined): number {
  if (text !== undefined && /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65535) {
    return Number(text);
  }
  throw broken("a port that is no number up to 65535");
}

function parseBinary(bytes: Uint8Array): ProxyHeader | "more" {
  if (bytes.length < FIXED) return "more";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [command, family, rest] = [view.getUint8(12), view.getUint8(13), view.getUint16(14)];
  const length = FIXED + rest;
  if (command !== LOCAL && command !== PROXY) throw broken("an unknown version or command");
  // Addresses in a LOCAL header must be ignored (section 2.2).
  if (command === LOCAL || NAMELESS.includes(family)) return { length, client: undefined };
  if (family !== TCP4 && family !== TCP6) throw broken("a transport other than TCP");
  const size = family === TCP4 ? 4 : 16;
  const addresses = 2 * size + 4;
  if (rest < addresses) throw broken("less than its addresses");
  if (bytes.length < FIXED + addresses) return "more";
  const host = formatIp(unmapIp([...bytes.subarray(FIXED, FIXED + size)]));
  return { length, client: { host, port: view.getUint16(FIXED + 2 * size) } };
}

function mapped(ip: readonly number[]): readonly number[] {
  return ip.length === 16 ? ip : [...new Array<number>(10).fill(0), 0xff, 0xff, ...ip];
}

function broken(what: string): ProtocolError {
  return new ProtocolError(`Cannot use a PROXY header with ${what}`);
}
