// Heads of HTTP/1.1 messages: finding, taking apart, writing. Strict on purpose: whatever two
// parsers could read in two ways is refused, since the other parser is an origin. Follows RFC 9112
// sections 2–6 and RFC 9110 section 5.

import { ProtocolError } from "../../core/errors.ts";

/** Longest head, bytes, and most fields in it. */
export const MAX_HEAD = 16384;
const MAX_FIELDS = 100;

/** One field as it was sent; the name keeps its case. */
export interface Field {
  readonly name: string;
  readonly value: string;
}

/** The fields of a message, in order, looked up without regard to case. */
export class Fields implements Iterable<Field> {
  readonly #fields: readonly Field[];

  constructor(fields: readonly Field[]) {
    this.#fields = fields;
  }

  /** All values of a name. */
  all(name: string): string[] {
    const wanted = name.toLowerCase();
    return this.#fields.filter((field) => field.name.toLowerCase() === wanted)
      .map((field) => field.value);
  }

  /** The first value of a name. */
  get(name: string): string | undefined {
    const wanted = name.toLowerCase();
    return this.#fields.find((field) => field.name.toLowerCase() === wanted)?.value;
  }

  /** The members of a comma-separated field, in lower case. */
  tokens(name: string): string[] {
    return this.all(name).flatMap((value) => value.split(","))
      .map((token) => token.trim().toLowerCase()).filter((token) => token !== "");
  }

  [Symbol.iterator](): Iterator<Field> {
    return this.#fields[Symbol.iterator]();
  }
}

/** A head taken apart. */
export interface Head {
  /** The first line without its line break. */
  readonly start: string;
  readonly fields: Fields;
}

/**
 * Where the head at the begin of `bytes` ends: behind its empty line; -1 when it is not all there.
 *
 * @throws ProtocolError when it is longer than MAX_HEAD
 */
export function findHeadEnd(bytes: Uint8Array): number {
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    const isEmptyLine = bytes[at - 1] === CR && bytes[at - 2] === LF;
    if (isEmptyLine) return at + 1 <= MAX_HEAD ? at + 1 : tooLong();
  }
  return bytes.length < MAX_HEAD ? -1 : tooLong();
}

const CR = 13;
const LF = 10;
const TAB = 9;

function tooLong(): never {
  throw new ProtocolError(`Cannot read a head of more than ${MAX_HEAD} bytes`);
}

/**
 * Takes a head apart.
 *
 * @param bytes the whole head, its empty line included
 * @throws ProtocolError on folded lines, white space around a name, control characters, bare CR or
 * LF, more than 100 fields
 */
export function parseHead(bytes: Uint8Array): Head {
  if (bytes.some(isForbidden)) throw new ProtocolError("Cannot take control characters in a head");
  const text = LATIN1.decode(bytes.subarray(0, bytes.length - 4));
  const [start = "", ...lines] = text.split("\r\n");
  if (lines.length > MAX_FIELDS) {
    throw new ProtocolError(`Cannot read more than ${MAX_FIELDS} fields`);
  }
  if (/[\r\n]/.test(start)) throw new ProtocolError("Cannot read the first line of a head");
  return { start, fields: new Fields(lines.map(parseField)) };
}

function isForbidden(byte: number): boolean {
  return byte === 0x7f || (byte < 0x20 && byte !== CR && byte !== LF && byte !== TAB);
}

const LATIN1 = new TextDecoder("latin1");
const FIELD = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):(.*)$/;

function parseField(line: string): Field {
  const match = /[\r\n]/.test(line) ? null : FIELD.exec(line);
  if (match === null) throw new ProtocolError("Cannot read a header field");
  return { name: match[1]!, value: withoutMargins(match[2]!) };
}

/** Without white space around it; an expression would search each run of it again and again. */
function withoutMargins(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isWhite(value.charCodeAt(start))) start++;
  while (end > start && isWhite(value.charCodeAt(end - 1))) end--;
  return value.slice(start, end);
}

function isWhite(code: number): boolean {
  return code === 0x20 || code === TAB;
}

/** A head as bytes, its empty line included; values must hold no line breaks. */
export function encodeHead(start: string, fields: Iterable<Field>): Uint8Array {
  let text = `${start}\r\n`;
  for (const { name, value } of fields) text += `${name}: ${value}\r\n`;
  text += "\r\n";
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

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

/** The fields that are meant for the far end, RFC 9110 section 7.6.1. */
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
 * The body length that the fields announce, undefined when they say nothing.
 *
 * @throws ProtocolError when they say it in two ways, or in one that is not understood
 */
export function announcedLength(fields: Fields): number | "chunked" | undefined {
  const codings = fields.tokens("transfer-encoding");
  const lengths = fields.all("content-length");
  if (codings.length > 0) {
    if (lengths.length > 0) throw new ProtocolError("Cannot take both a length and an encoding");
    if (codings.length > 1 || codings[0] !== "chunked") {
      throw new ProtocolError("Cannot take a transfer encoding other than chunked");
    }
    return "chunked";
  }
  if (lengths.length === 0) return undefined;
  const length = lengths[0]!;
  if (lengths.length > 1 || !/^\d{1,15}$/.test(length)) {
    throw new ProtocolError("Cannot read Content-Length");
  }
  return Number(length);
}
