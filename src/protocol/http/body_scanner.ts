// Finds the end of a body in the bytes of a connection without touching them; with chunked
// encoding it can also give the data between the frames. Strict, because the frames are passed on
// as they are and the next reader must see the same ones. RFC 9112 sections 6.3 and 7.1.

import { ProtocolError } from "../../core/errors.ts";
import type { BodyLength } from "./head.ts";

/** Digits of a size: it stays an exact number, and small enough to be added to others. */
const MAX_DIGITS = 12;
/** Bytes of the extensions of one chunk. */
const MAX_EXTENSIONS = 256;
/** Bytes of all trailer lines together, line ends included, and how many they may be. */
const MAX_TRAILER = 8192;
const MAX_TRAILER_LINES = 32;
const TAB = 9;
const LF = 10;
const CR = 13;
const SEMICOLON = 59;
/** A trailer line with its CR. What would change the framing has no business there. */
const TRAILER =
  /^(?!(?:transfer-encoding|content-length):)[!#$%&'*+\-.^_`|~0-9a-z]+:[\t\x20-\x7e\x80-\xff]*\r$/i;

/** What the next byte of a chunked body has to be. */
type Expected =
  | "size"
  | "extension"
  | "size_lf"
  | "data"
  | "data_cr"
  | "data_lf"
  | "trailer";

/** Incremental; one for each body. Of no use any more once it has thrown. */
export class BodyScanner {
  /** Whether the last byte of the body has been seen. */
  done: boolean;
  /** Whether the body ends only with the connection. */
  readonly untilClose: boolean;
  readonly #chunked: boolean;
  readonly #onData: ((bytes: Uint8Array) => void) | undefined;
  #expected: Expected = "size";
  /** Bytes of data still to come, or what has been read of a size. */
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

  /** Whether a last chunk, `0\r\n\r\n`, would end the body in order if it came now. */
  get isBetweenChunks(): boolean {
    return this.#chunked && this.#expected === "size" && this.#digits === 0;
  }

  /**
   * Takes bytes of the connection.
   *
   * @returns how many of them belong to the body, frames included
   * @throws ProtocolError when the frames are broken
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

  /** @returns what has to come next */
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

/** Its value; -1 when the byte is none. */
function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function broken(): ProtocolError {
  return new ProtocolError("Cannot read the chunks of a body");
}
