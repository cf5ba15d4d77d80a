// The bodies of messages that are taken out of a chunk stream and are not yet complete. Memory is
// taken as their bytes arrive, whatever a header announces. "Adobe RTMP Specification 1.0", section
// 5.3.

import { GrowingBytes } from "../../core/growing_bytes.ts";
import { Allowance, type Memory } from "../../core/memory.ts";
import type { ChunkStream } from "./chunk_scanner.ts";
import { MAX_COMMAND } from "./command.ts";

/** Bytes of all bodies together that have not come whole. */
const MAX_UNFINISHED = 4 * MAX_COMMAND;
const NOTHING = new Uint8Array();

/** One body for each chunk stream at most. */
export class MessageBodies {
  readonly #memory: Memory;
  readonly #bodies = new Map<number, GrowingBytes>();

  /** @param memory what the bodies are taken from, within a bound of their own */
  constructor(memory?: Memory) {
    this.#memory = new Allowance(MAX_UNFINISHED, "Cannot take more unfinished messages", memory);
  }

  /** Bodies that have not come whole. */
  get size(): number {
    return this.#bodies.size;
  }

  /** Bytes that are allocated for them. */
  get allocated(): number {
    let allocated = 0;
    for (const body of this.#bodies.values()) allocated += body.allocated;
    return allocated;
  }

  /**
   * A message begins; one before it that has not come whole was aborted.
   *
   * @param isCounted whether its body is taken from the memory; otherwise the caller bounds it
   */
  begin({ id, length }: ChunkStream, isCounted = true): void {
    this.#bodies.get(id)?.release();
    this.#bodies.set(id, new GrowingBytes(length, isCounted ? this.#memory : undefined));
  }

  /** Takes payload bytes of the message. @throws what the memory throws */
  append({ id }: ChunkStream, payload: Uint8Array): void {
    this.#bodies.get(id)?.append(payload);
  }

  /** The whole body of a message. Its memory is given back: from now on the caller counts it. */
  end({ id }: ChunkStream): Uint8Array<ArrayBuffer> {
    const body = this.#bodies.get(id);
    if (body === undefined) return NOTHING;
    this.#bodies.delete(id);
    const { bytes } = body;
    body.release();
    return bytes;
  }
}
