// Finds where the head of a request begins and ends. Accepts what some clients send and all readers
// understand the same way: empty lines before it, and lines that all end in a bare LF. Mixed line
// ends are refused. RFC 9112 section 2.2.

import { ProtocolError } from "../../core/errors.ts";
import { findHeadEnd, findLfHeadEnd, type LineEnd } from "./head.ts";

/** Most empty lines before a request. */
const MAX_EMPTY_LINES = 4;
const CR = 13;
const LF = 10;

/** The position of a head in the bytes of a connection. */
export interface RequestHead {
  readonly start: number;
  /** The index after its empty line. */
  readonly end: number;
  readonly lineEnd: LineEnd;
}

/**
 * Finds the head at the start of `bytes`; undefined if it is not complete.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const bytes = new TextEncoder().encode("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nbody");
 * assert.deepEqual(findRequestHead(bytes), { start: 2, end: 29, lineEnd: "crlf" });
 * ```
 *
 * @throws ProtocolError when it is too long, has too many fields, or mixes line ends
 */
export function findRequestHead(bytes: Uint8Array): RequestHead | undefined {
  const start = behindEmptyLines(bytes);
  const head = bytes.subarray(start);
  const first = head.indexOf(LF);
  const lineEnd: LineEnd = first >= 0 && head[first - 1] !== CR ? "lf" : "crlf";
  const end = lineEnd === "lf" ? findLfHeadEnd(head) : findHeadEnd(head);
  return end < 0 ? undefined : { start, end: start + end, lineEnd };
}

function behindEmptyLines(bytes: Uint8Array): number {
  let at = 0;
  for (let lines = 0; lines <= MAX_EMPTY_LINES; lines++) {
    const next = bytes[at] === CR ? at + 1 : at;
    if (bytes[next] !== LF) return at;
    at = next + 1;
  }
  throw new ProtocolError("Cannot accept so many empty lines before a request");
}
