// Finds the end of a body in the bytes of a connection without touching them; with chunked
// encoding it can also give the data between the frames. Strict, because the frames are passed on
// as they are and the next reader must see the same ones. RFC 9112 sections 6.3 and 7.1.

import { ProtocolError } from "../../core/errors.ts";
import type { BodyLength } from "./head.ts";

/** Longest line of a frame, its line break not counted, and all trailer lines together, bytes. */
const MAX_LINE = 1024;
const MAX_TRAILER = 8192;
const CR = 13;
const LF = 10;
/** Size in hexadecimal, then extensions without control characters, section 7.1.1. */
const SIZE = /^([0-9A-Fa-f]{1,12})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?$/;
const TRAILER = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*$/;

/** Incremental; one for each body. */
export class BodyScanner {
  /** Whether the last byte of the body has been seen. */
  done: boolean;
  /** Whether the body ends only with the connection. */
  readonly untilClose: boolean;
  readonly #chunked: boolean;
  #left: number;
  #line = "";
  #sawCr = false;
  #trailerLength = 0;
  #state: "size" | "data" | "data_end" | "trailer" = "size";
  readonly #onData: ((bytes: Uint8Array) => void) | undefined;

  /** @param onData gets the data without frames; it must copy what it keeps */
  constructor(length: BodyLength, onData?: (bytes: Uint8Array) => void) {
    this.#chunked = length === "chunked";
    this.untilClose = length === "until_close";
    this.#left = typeof length === "number" ? length : 0;
    this.done = length === 0;
    this.#onData = onData;
  }

  /** Whether a last chunk would end the body in order if it came now. */
  get isBetweenChunks(): boolean {
    return this.#chunked && !this.done && this.#state === "size" && this.#line === "" &&
      !this.#sawCr;
  }

  /**
   * Takes bytes of the connection.
   *
   * @returns how many of them belong to the body, frames included
   * @throws ProtocolError when the frames are broken
   */
  push(bytes: Uint8Array): number {
    if (this.done) return 0;
    if (this.untilClose) {
      this.#onData?.(bytes);
      return bytes.length;
    }
    return this.#chunked ? this.#pushChunked(bytes) : this.#pushCounted(bytes);
  }

  #pushCounted(bytes: Uint8Array): number {
    const count = this.#takeData(bytes, 0);
    this.done = this.#left === 0;
    return count;
  }

  #pushChunked(bytes: Uint8Array): number {
    let at = 0;
    while (at < bytes.length && !this.done) {
      if (this.#state === "data") {
        at += this.#takeData(bytes, at);
        if (this.#left === 0) this.#state = "data_end";
      } else {
        this.#takeLineByte(bytes[at++]!);
      }
    }
    return at;
  }

  #takeData(bytes: Uint8Array, at: number): number {
    const count = Math.min(this.#left, bytes.length - at);
    if (count > 0) this.#onData?.(bytes.subarray(at, at + count));
    this.#left -= count;
    return count;
  }

  #takeLineByte(byte: number): void {
    if (this.#sawCr !== (byte === LF)) throw broken();
    if (byte === LF) {
      const line = this.#line;
      this.#line = "";
      this.#sawCr = false;
      this.#takeLine(line);
    } else if (byte === CR) {
      this.#sawCr = true;
    } else {
      if (this.#line.length >= MAX_LINE) throw broken();
      this.#line += String.fromCharCode(byte);
    }
  }

  #takeLine(line: string): void {
    switch (this.#state) {
      case "data_end":
        if (line !== "") throw broken();
        this.#state = "size";
        return;
      case "trailer":
        this.#takeTrailer(line);
        return;
      default: {
        const match = SIZE.exec(line);
        if (match === null) throw broken();
        this.#left = parseInt(match[1]!, 16);
        this.#state = this.#left === 0 ? "trailer" : "data";
      }
    }
  }

  #takeTrailer(line: string): void {
    this.done = line === "";
    if (this.done) return;
    this.#trailerLength += line.length;
    if (this.#trailerLength > MAX_TRAILER || !TRAILER.test(line)) throw broken();
  }
}

function broken(): ProtocolError {
  return new ProtocolError("Cannot read the chunks of a body");
}
