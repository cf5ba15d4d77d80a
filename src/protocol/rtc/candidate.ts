// ICE candidates as they appear in session descriptions: `a=candidate:…`, RFC 8839 section 5.1.

import type { SdpLine } from "./sdp.ts";

export interface Candidate {
  readonly foundation: string;
  /** 1 for RTP, 2 for RTCP. */
  readonly component: number;
  /** `udp` or `tcp`, in any case. */
  readonly transport: string;
  readonly priority: number;
  /** An IP address without brackets, or a name. */
  readonly host: string;
  readonly port: number;
  /** Everything after the port: `typ host` and what follows it. */
  readonly rest: string;
}

const CANDIDATE =
  /^candidate:(\S{1,32}) (\d{1,5}) (\S{1,16}) (\d{1,10}) (\S{1,255}) (\d{1,5}) (typ \S+(?: .*)?)$/;

/** Whether a line is a candidate attribute, valid or not. */
export function isCandidateLine({ type, value }: SdpLine): boolean {
  return type === "a" && value.startsWith("candidate:");
}

/**
 * Parses the candidate in a line; undefined if there is none or it is invalid.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const value = "candidate:1 1 udp 2130706431 203.0.113.5 8000 typ host";
 * const candidate = parseCandidate({ type: "a", value, end: "\r\n" })!;
 * assert.deepEqual([candidate.host, candidate.port], ["203.0.113.5", 8000]);
 * assert.equal(encodeCandidate(candidate), value);
 * ```
 */
export function parseCandidate({ type, value }: SdpLine): Candidate | undefined {
  const match = type === "a" ? CANDIDATE.exec(value) : null;
  if (match === null) return undefined;
  const [, foundation, component, transport, priority, host, port, rest] = match;
  const candidate = {
    foundation: foundation!,
    component: Number(component),
    transport: transport!,
    priority: Number(priority),
    host: host!,
    port: Number(port),
    rest: rest!,
  };
  const isOdd = candidate.port > 65535 || candidate.component < 1 || candidate.component > 2;
  return isOdd ? undefined : candidate;
}

/** Encodes the value of its attribute line. */
export function encodeCandidate(candidate: Candidate): string {
  const { foundation, component, transport, priority, host, port, rest } = candidate;
  return `candidate:${foundation} ${component} ${transport} ${priority} ${host} ${port} ${rest}`;
}

/** Whether it is a UDP candidate, the only kind that the proxy can use towards origins. */
export function isUdp({ transport }: Candidate): boolean {
  return transport.toLowerCase() === "udp";
}
