// Session descriptions as lines: splits them at their m= lines and joins them again without losing
// a byte. Knows the form of lines and of the attributes that ICE needs, not their meaning. Follows
// RFC 8866, and RFC 8840 for fragments.

import { ProtocolError } from "../../core/errors.ts";

/** Limits of a description: bytes or characters, lines, m= lines. */
export const SDP_BOUNDS = { length: 65536, lines: 4096, sections: 256 } as const;

/** One line, `type=value`; an empty line has an empty type. */
export interface SdpLine {
  readonly type: string;
  readonly value: string;
  /** The original line break: CR LF, LF, or nothing at the end of the text. */
  readonly end: string;
}

export interface Sdp {
  /** The lines before the first m= line. */
  readonly session: readonly SdpLine[];
  /** The lines of each section, beginning with its m= line. */
  readonly media: readonly (readonly SdpLine[])[];
}

const LINE = /^(?:([a-z])=(.*))?$/;
/** Characters not allowed in a line. A CR alone is a line break only to some parsers. */
const CONTROL = /[^\t\n\r\x20-\x7e\x80-\u{10ffff}]|\r(?!\n)/u;

/**
 * Parses a whole description, an offer or an answer.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const text = "v=0\r\ns=-\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:evtj\r\n";
 * const sdp = parseSdp(text);
 * assert.equal(attributeOf(sdp.media[0]!, "ice-ufrag"), "evtj");
 * assert.equal(encodeSdp(sdp), text);
 * ```
 *
 * @throws ProtocolError when it is not a description, or exceeds SDP_BOUNDS
 */
export function parseSdp(text: string): Sdp {
  const sdp = parseSdpFragment(text);
  const [first] = sdp.session;
  if (first?.type !== "v" || first.value !== "0") {
    throw new ProtocolError("Cannot read a session description that does not begin with v=0");
  }
  return sdp;
}

/**
 * Parses a fragment with trickled candidates (`application/trickle-ice-sdpfrag`): its m= lines only
 * say which section the following lines belong to.
 *
 * @throws ProtocolError when a line is malformed, or it exceeds SDP_BOUNDS
 */
export function parseSdpFragment(text: string): Sdp {
  const { length, lines: most, sections } = SDP_BOUNDS;
  if (text.length > length) {
    throw new ProtocolError(`Cannot read a session description of more than ${length} bytes`);
  }
  if (CONTROL.test(text)) {
    throw new ProtocolError("Cannot accept control characters in a session description");
  }
  const lines = splitLines(text);
  if (lines.length > most) {
    throw new ProtocolError(`Cannot read a session description of more than ${most} lines`);
  }
  const starts = lines.flatMap(({ type }, index) => type === "m" ? [index] : []);
  if (starts.length > sections) {
    throw new ProtocolError(`Cannot read a session description of more than ${sections} sections`);
  }
  return {
    session: lines.slice(0, starts[0]),
    media: starts.map((start, index) => lines.slice(start, starts[index + 1])),
  };
}

/** Encodes a description; byte for byte the same text if nothing has been changed. */
export function encodeSdp({ session, media }: Sdp): string {
  return [session, ...media].flat().map(encodeLine).join("");
}

function encodeLine({ type, value, end }: SdpLine): string {
  return type === "" ? end : `${type}=${value}${end}`;
}

function splitLines(text: string): SdpLine[] {
  const lines: SdpLine[] = [];
  for (let at = 0; at < text.length;) {
    const lineFeed = text.indexOf("\n", at);
    const next = lineFeed < 0 ? text.length : lineFeed + 1;
    lines.push(parseLine(text.slice(at, next)));
    at = next;
  }
  return lines;
}

function parseLine(line: string): SdpLine {
  const end = line.endsWith("\r\n") ? "\r\n" : line.endsWith("\n") ? "\n" : "";
  const match = LINE.exec(line.slice(0, line.length - end.length));
  if (match === null) throw new ProtocolError("Cannot read a line of a session description");
  return { type: match[1] ?? "", value: match[2] ?? "", end };
}

/** The value of the first attribute with that name: empty for a flag, undefined if absent. */
export function attributeOf(lines: readonly SdpLine[], name: string): string | undefined {
  for (const { type, value } of lines) {
    if (type !== "a") continue;
    if (value === name) return "";
    if (value.startsWith(`${name}:`)) return value.slice(name.length + 1);
  }
  return undefined;
}

/** The port in a section's m= line: 0 if the section is refused, 9 if it is a placeholder. */
export function portOf([first]: readonly SdpLine[]): number {
  return Number(/^\S+ (\d{1,5})(?:\/\d+)? /.exec(first?.value ?? "")?.[1] ?? 0);
}
