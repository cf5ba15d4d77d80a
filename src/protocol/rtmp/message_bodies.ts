// The bodies of messages that are being extracted from chunk streams and are not yet complete.
// Memory is taken as bytes arrive, whatever a header announces. "Adobe RTMP Specification 1.0",
// section 5.3.

import { GrowingBytes } from "../../core/growing_bytes.ts";
import { Allowance, type Memory } from "../../core/memory.ts";
import type { ChunkStream } from "./chunk_scanner.ts";
import { MAX_COMMAND } from "./command.ts";

/** Most bytes of all incomplete bodies together. */
const MAX_UNFINISHED = 4 * MAX_COMMAND;
const NOTHING = new Uint8Array();

/** Holds at most one body for each chunk stream. */
export class MessageBodies {
  readonly #memory: Memory;
  readonly #bodies = new Map<number, GrowingBytes>();

  /** @param memory the budget for the bodies, which also have a limit of their own */
  constructor(memory?: Memory) {
    this.#memory = new Allowance(MAX_UNFINISHED, "Cannot keep more unfinished messages", memory);
  }

  /** Number of incomplete bodies. */
  get size(): number {
    return this.#bodies.size;
  }

  /** Bytes allocated for them. */
  get allocated(): number {
    let allocated = 0;
    for (const body of this.#bodies.values()) allocated += body.allocated;
    return allocated;
  }

  /**
   * A message begins; an incomplete one before it was aborted.
   *
   * @param isCounted whether its body is charged to the budget; otherwise the caller bounds it
   */
  begin({ id, length }: ChunkStream, isCounted = true): void {
    this.#bodies.get(id)?.release();
    this.#bodies.set(id, new GrowingBytes(length, isCounted ? this.#memory : undefined));
  }

  /** Appends payload bytes to the message. @throws what the memory throws */
  append({ id }: ChunkStream, payload: Uint8Array): void {
    this.#bodies.get(id)?.append(payload);
  }

  /**
   * Takes the complete body of a message. Its memory is released: from now on the caller counts it.
   */
  end({ id }: ChunkStream): Uint8Array<ArrayBuffer> {
    const body = this.#bodies.get(id);
    if (body === undefined) return NOTHING;
    this.#bodies.delete(id);
    const { bytes } = body;
    body.release();
    return bytes;
  }
}
