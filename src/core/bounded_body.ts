// Reads the body of a request without trusting its sender: neither its length nor its pace, nor the size
// of the pieces in which it comes.

import { ProxyError } from "./errors.ts";
import type { Share } from "./fair_share.ts";

/**
 * So much of a body that is too long is read and thrown away, bytes: a sender who is still sending when
 * the connection ends may never see the answer.
 */
const LONGEST_DISCARD = 16 * 1024 * 1024;

/** What a body begins with, bytes; it grows as more of it comes. */
const FIRST = 1024;

/** How much to read, in bytes, and how long to wait for it, in milliseconds. */
export interface BodyBounds {
  readonly limit: number;
  readonly deadline: number;
  /** What its memory is taken from, in bytes; given back by whoever needs the body no more. */
  readonly memory?: Share;
}

/**
 * The whole body as UTF-8 text. What is too long is read to its end, within bounds, but not kept.
 *
 * @throws ProxyError `too_large`, `timeout`, `overloaded` when there is no memory for it, `client_gone` when
 * the sender breaks off
 */
export async function readBoundedText(request: Request, bounds: BodyBounds): Promise<string> {
  return new TextDecoder().decode(await readBoundedBytes(request, bounds));
}

/**
 * The whole body, empty when there is none. What is too long is read to its end, within bounds, but not kept.
 *
 * @throws ProxyError `too_large`, `timeout`, `overloaded` when there is no memory for it, `client_gone` when
 * the sender breaks off
 */
export async function readBoundedBytes(
  request: Request,
  bounds: BodyBounds,
): Promise<Uint8Array<ArrayBuffer>> {
  const announced = Number(request.headers.get("content-length") ?? 0);
  if (announced > LONGEST_DISCARD) throw tooLarge(announced);
  if (!request.body) return new Uint8Array();
  const reader = request.body.getReader();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    reader.cancel().catch(() => {});
  }, bounds.deadline);
  try {
    const bytes = await readUpTo(reader, bounds);
    if (late) throw new ProxyError("timeout", "Cannot wait longer for the body");
    return bytes;
  } catch (error) {
    if (error instanceof ProxyError) throw error;
    throw new ProxyError("client_gone", "Cannot read the body", { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

async function readUpTo(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  { limit, memory }: BodyBounds,
): Promise<Uint8Array<ArrayBuffer>> {
  const body = new GrowingBytes(limit, memory);
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done && length <= limit) return body.bytes;
    length += value?.length ?? 0;
    if (length <= limit) {
      if (body.append(value!)) continue;
      reader.cancel().catch(() => {});
      throw new ProxyError("overloaded", "Cannot take so many bodies at once");
    } else if (done || length > LONGEST_DISCARD) {
      reader.cancel().catch(() => {});
      throw tooLarge(length);
    }
  }
}

/** Bytes in one piece, whatever they come in: many small ones would take many times their size. */
class GrowingBytes {
  readonly #limit: number;
  readonly #memory: Share | undefined;
  #buffer = new Uint8Array();
  #length = 0;

  constructor(limit: number, memory: Share | undefined) {
    this.#limit = limit;
    this.#memory = memory;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Adds bytes, which are within the limit. @returns false when there is no memory for them */
  append(more: Uint8Array): boolean {
    const length = this.#length + more.length;
    if (length > this.#buffer.length && !this.#makeRoom(length)) return false;
    this.#buffer.set(more, this.#length);
    this.#length = length;
    return true;
  }

  #makeRoom(length: number): boolean {
    const size = Math.min(this.#limit, Math.max(FIRST, 2 * this.#buffer.length, length));
    if (this.#memory?.grow(size - this.#buffer.length) === false) return false;
    const larger = new Uint8Array(size);
    larger.set(this.bytes);
    this.#buffer = larger;
    return true;
  }
}

function tooLarge(length: number): ProxyError {
  return new ProxyError("too_large", `Cannot accept so long a body: current value is ${length}`);
}
