// Finds the end of a body in the bytes of a connection without changing them; with chunked encoding
// it can also extract the data from the frames. Strict, because the frames are passed on unchanged
// and the next reader must see the same ones. RFC 9112 sections 6.3 and 7.1.

import { ProtocolError } from "../../core/errors.ts";
import type { BodyLength } from "./head.ts";

/** Most digits of a chunk size, so that it stays an exact number, also when added to others. */
const MAX_DIGITS = 12;
/** Most bytes of extensions in one chunk. */
const MAX_EXTENSIONS = 256;
/** Most bytes of all trailer lines together, line ends included, and most lines. */
const MAX_TRAILER = 8192;
const MAX_TRAILER_LINES = 32;
const TAB = 9;
const LF = 10;
const CR = 13;
const SEMICOLON = 59;
/** A trailer line with its CR. Fields that would change the framing are not allowed. */
const TRAILER =
  /^(?!(?:transfer-encoding|content-length):)[!#$%&'*+\-.^_`|~0-9a-z]+:[\t\x20-\x7e\x80-\xff]*\r$/i;

/** What the next byte of a chunked body must be. */
type Expected =
  | "size"
  | "extension"
  | "size_lf"
  | "data"
  | "data_cr"
  | "data_lf"
  | "trailer";

/**
 * Scans one body incrementally. Must not be used after it has thrown.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const bytes = new TextEncoder().encode("5\r\nhello\r\n0\r\n\r\nGET");
 * let data = "";
 * const scanner = new BodyScanner("chunked", (piece) => data += new TextDecoder().decode(piece));
 * assert.equal(scanner.push(bytes), bytes.length - "GET".length);
 * assert.deepEqual([scanner.done, data], [true, "hello"]);
 * ```
 */
export class BodyScanner {
  /** Whether the last byte of the body has been seen. */
  done: boolean;
  /** Whether the body ends only with the connection. */
  readonly untilClose: boolean;
  readonly #chunked: boolean;
  readonly #onData: ((bytes: Uint8Array) => void) | undefined;
  #expected: Expected = "size";
  /** Bytes of data still to come, or the part of a chunk size read so far. */
  #left: number;
  #digits = 0;
  #extensionLength = 0;
  #trailerLength = 0;
  #trailerLines = 0;
  #line = "";

  /** @param onData gets the data without frames; it must copy what it keeps */
  constructor(length: BodyLength, onData?: (bytes: Uint8Array) => void) {
    this.#chunked = length === "chunked";
    this.untilClose = length === "until_close";
    this.#left = typeof length === "number" ? length : 0;
    this.done = length === 0;
    this.#onData = onData;
  }

  /** Whether a last chunk, `0\r\n\r\n`, would end the body properly now. */
  get isBetweenChunks(): boolean {
    return this.#chunked && this.#expected === "size" && this.#digits === 0;
  }

  /**
   * Scans bytes of the connection.
   *
   * @returns how many of them belong to the body, frames included
   * @throws ProtocolError when the frames are malformed
   */
  push(bytes: Uint8Array, start = 0, end = bytes.length): number {
    if (this.done) return 0;
    if (this.untilClose) {
      this.#onData?.(bytes.subarray(start, end));
      return end - start;
    }
    return this.#chunked
      ? this.#pushChunked(bytes, start, end)
      : this.#pushCounted(bytes, start, end);
  }

  #pushCounted(bytes: Uint8Array, start: number, end: number): number {
    const count = this.#takeData(bytes, start, end);
    this.done = this.#left === 0;
    return count;
  }

  #pushChunked(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && !this.done) {
      if (this.#expected === "data") {
        at += this.#takeData(bytes, at, end);
        if (this.#left === 0) this.#expected = "data_cr";
      } else {
        this.#expected = this.#takeFrameByte(bytes[at++]!);
      }
    }
    return at - start;
  }

  #takeData(bytes: Uint8Array, at: number, end: number): number {
    const count = Math.min(this.#left, end - at);
    if (count > 0) this.#onData?.(bytes.subarray(at, at + count));
    this.#left -= count;
    return count;
  }

  /** @returns what must come next */
  #takeFrameByte(byte: number): Expected {
    switch (this.#expected) {
      case "size":
        return this.#takeSizeByte(byte);
      case "size_lf":
        if (byte !== LF) break;
        this.#digits = 0;
        return this.#left === 0 ? "trailer" : "data";
      case "data_cr":
        if (byte !== CR) break;
        return "data_lf";
      case "data_lf":
        if (byte !== LF) break;
        return "size";
      case "extension":
        return this.#takeExtensionByte(byte);
      default:
        return this.#takeTrailerByte(byte);
    }
    throw broken();
  }

  #takeSizeByte(byte: number): Expected {
    const digit = hexDigit(byte);
    if (digit >= 0 && this.#digits < MAX_DIGITS) {
      this.#digits++;
      this.#left = this.#left * 16 + digit;
      return "size";
    }
    if (this.#digits === 0) throw broken();
    if (byte === CR) return "size_lf";
    if (byte !== SEMICOLON) throw broken();
    this.#extensionLength = 0;
    return "extension";
  }

  #takeExtensionByte(byte: number): Expected {
    if (byte === CR) return "size_lf";
    const isText = byte === TAB || (byte >= 0x20 && byte < 0x7f);
    if (!isText || ++this.#extensionLength > MAX_EXTENSIONS) throw broken();
    return "extension";
  }

  #takeTrailerByte(byte: number): Expected {
    if (++this.#trailerLength > MAX_TRAILER) throw broken();
    if (byte !== LF) {
      this.#line += String.fromCharCode(byte);
      return "trailer";
    }
    const line = this.#line;
    this.#line = "";
    this.done = line === "\r";
    if (!this.done && (++this.#trailerLines > MAX_TRAILER_LINES || !TRAILER.test(line))) {
      throw broken();
    }
    return "trailer";
  }
}

/** The value of a hexadecimal digit; -1 for any other byte. */
function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function broken(): ProtocolError {
  return new ProtocolError("Cannot read the chunks of a body");
}
