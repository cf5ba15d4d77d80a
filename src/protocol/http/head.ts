// Heads of HTTP/1.1 messages: finding, parsing, writing. Deliberately strict: anything that two
// parsers could read differently is refused, because the other parser is an origin's. Follows RFC
// 9112 sections 2–6 and RFC 9110 section 5.

import { ProtocolError } from "../../core/errors.ts";
import { trimOf } from "../../core/margins.ts";

/** Longest head, bytes, and most fields in it. */
export const MAX_HEAD = 16384;
const MAX_FIELDS = 100;

/** One field as it was sent; the name keeps its case. */
export interface Field {
  readonly name: string;
  readonly value: string;
}

/** The fields of a message in order; names are looked up regardless of case. */
export class Fields implements Iterable<Field> {
  readonly #fields: readonly Field[];

  constructor(fields: readonly Field[]) {
    this.#fields = fields;
  }

  all(name: string): string[] {
    const wanted = name.toLowerCase();
    return this.#fields.filter((field) => field.name.toLowerCase() === wanted)
      .map((field) => field.value);
  }

  get(name: string): string | undefined {
    const wanted = name.toLowerCase();
    return this.#fields.find((field) => field.name.toLowerCase() === wanted)?.value;
  }

  /** The members of a comma-separated field in lower case. */
  tokens(name: string): string[] {
    return this.all(name).flatMap((value) => value.split(","))
      .map((token) => trimOf(token, WHITE).toLowerCase()).filter((token) => token !== "");
  }

  [Symbol.iterator](): Iterator<Field> {
    return this.#fields[Symbol.iterator]();
  }
}

/** The sender's version in the first line. */
export type HttpVersion = "1.0" | "1.1";

/** How the lines of a head end; all must end the same way. */
export type LineEnd = "crlf" | "lf";

export interface Head {
  /** The first line without its line break. */
  readonly start: string;
  readonly fields: Fields;
  readonly lineEnd: LineEnd;
}

const CR = 13;
const LF = 10;
/** White space allowed around a value, RFC 9110 section 5.5. */
const WHITE = " \t";

/**
 * Finds the end of the head at the start of `bytes`, after its empty line; -1 if it is not
 * complete.
 *
 * @throws ProtocolError when it is longer than MAX_HEAD, has more than 100 fields, or a line that
 * ends without CR
 */
export function findHeadEnd(bytes: Uint8Array): number {
  const head = bytes.subarray(0, MAX_HEAD);
  let lines = 0;
  for (let at = head.indexOf(LF); at >= 0; at = head.indexOf(LF, at + 1)) {
    if (head[at - 1] !== CR) throw new ProtocolError("Cannot read a line that ends without CR");
    if (head[at - 2] === LF) return at + 1;
    // Refused here, not later, because a head that arrives byte by byte is searched again for each
    // byte.
    if (++lines > 1 + MAX_FIELDS) throw tooManyFields();
  }
  if (bytes.length >= MAX_HEAD) throw tooLong();
  return -1;
}

/**
 * Like `findHeadEnd`, for a head whose lines all end in a bare LF.
 *
 * @throws ProtocolError when it is longer than MAX_HEAD, has more than 100 fields, or a CR before
 * an LF
 */
export function findLfHeadEnd(bytes: Uint8Array): number {
  const head = bytes.subarray(0, MAX_HEAD);
  let lines = 0;
  for (let at = head.indexOf(LF); at >= 0; at = head.indexOf(LF, at + 1)) {
    if (head[at - 1] === CR) throw new ProtocolError("Cannot read mixed line ends");
    if (head[at - 1] === LF) return at + 1;
    if (++lines > 1 + MAX_FIELDS) throw tooManyFields();
  }
  if (bytes.length >= MAX_HEAD) throw tooLong();
  return -1;
}

function tooLong(): ProtocolError {
  return new ProtocolError(`Cannot read a head of more than ${MAX_HEAD} bytes`);
}

function tooManyFields(): ProtocolError {
  return new ProtocolError(`Cannot read more than ${MAX_FIELDS} fields`);
}

/**
 * Parses a head.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const bytes = encodeHead("GET /live/show.flv HTTP/1.1", [{ name: "Host", value: "a.example" }]);
 * assert.equal(findHeadEnd(bytes), bytes.length);
 * const { start, fields } = parseHead(bytes);
 * assert.equal(start, "GET /live/show.flv HTTP/1.1");
 * assert.equal(fields.get("host"), "a.example");
 * ```
 *
 * @param bytes the whole head, including its empty line
 * @throws ProtocolError on folded lines, white space around a name, control characters, bare CR or
 * LF, more than 100 fields
 */
export function parseHead(bytes: Uint8Array, lineEnd: LineEnd = "crlf"): Head {
  if (bytes.length > MAX_HEAD) throw tooLong();
  // One character per byte. Not TextDecoder's "latin1", which is windows-1252: 0x86 would be
  // written back as a space.
  const separator = lineEnd === "lf" ? "\n" : "\r\n";
  const whole = bytes.subarray(0, -2 * separator.length);
  const text: string = Reflect.apply(String.fromCharCode, null, whole);
  if (/[^\t\r\n\x20-\x7e\x80-\xff]/.test(text)) {
    throw new ProtocolError("Cannot accept control characters in a head");
  }
  const [start = "", ...lines] = text.split(separator);
  if (lines.length > MAX_FIELDS) throw tooManyFields();
  if (/[\r\n]/.test(start)) throw new ProtocolError("Cannot read the first line of a head");
  return { start, fields: new Fields(lines.map(parseField)), lineEnd };
}

/** The dot matches neither CR nor LF. */
const FIELD = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):(.*)$/;

function parseField(line: string): Field {
  const match = FIELD.exec(line);
  if (match === null) throw new ProtocolError("Cannot read a header field");
  return { name: match[1]!, value: trimOf(match[2]!, WHITE) };
}

/**
 * Encodes a head, including its empty line.
 *
 * @throws ProtocolError when a line contains something that would be read as another line or not be
 * accepted
 */
export function encodeHead(start: string, fields: Iterable<Field>): Uint8Array {
  const lines = [start];
  for (const { name, value } of fields) lines.push(`${name}: ${value}`);
  if (!lines.every((line) => LINE.test(line))) {
    throw new ProtocolError("Cannot write control characters in a head");
  }
  const text = `${lines.join("\r\n")}\r\n\r\n`;
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

const LINE = /^[\t\x20-\x7e\x80-\xff]*$/;

const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** The end-to-end fields, RFC 9110 section 7.6.1. */
export function endToEnd(fields: Fields): Field[] {
  const named = new Set(fields.tokens("connection"));
  return [...fields].filter(({ name }) => {
    const lower = name.toLowerCase();
    return !HOP_BY_HOP.has(lower) && !named.has(lower);
  });
}

/** How long a body is, RFC 9112 section 6.3. */
export type BodyLength = number | "chunked" | "until_close";

/**
 * The body length that the fields announce; undefined if they do not.
 *
 * @throws ProtocolError when they announce it in two ways, or in one that is not understood
 */
export function announcedLength(
  fields: Fields,
  version: HttpVersion,
): number | "chunked" | undefined {
  const [coding, ...codings] = fields.all("transfer-encoding");
  const [length, ...lengths] = fields.all("content-length");
  if (coding !== undefined) {
    if (length !== undefined) {
      throw new ProtocolError("Cannot accept both a length and an encoding");
    }
    if (version === "1.0") {
      throw new ProtocolError("Cannot accept a transfer encoding over HTTP/1.0");
    }
    // An empty value and an empty list member are refused too, because other parsers may see no
    // encoding there.
    if (codings.length > 0 || coding.toLowerCase() !== "chunked") {
      throw new ProtocolError("Cannot accept a transfer encoding other than chunked");
    }
    return "chunked";
  }
  if (length === undefined) return undefined;
  if (lengths.length > 0 || !/^\d{1,15}$/.test(length)) {
    throw new ProtocolError("Cannot read Content-Length");
  }
  return Number(length);
}

/** Whether the sender wants to keep its connection open, RFC 9112 section 9.3. */
export function wantsToStay(fields: Fields, version: HttpVersion): boolean {
  const options = fields.tokens("connection");
  return !options.includes("close") && (version === "1.1" || options.includes("keep-alive"));
}
