// Waits for the end of a pipe.

import type { PipeEnd, PipeOwner } from "../../src/net/engine.ts";

/** The owner of one pipe. */
export class PipeEnding implements PipeOwner {
  readonly #ended = Promise.withResolvers<PipeEnd>();

  constructor() {
    this.#ended.promise.catch(() => {});
  }

  /** Rejects with what the transform has thrown. */
  get ended(): Promise<PipeEnd> {
    return this.#ended.promise;
  }

  pipeEnded(end: PipeEnd): void {
    this.#ended.resolve(end);
  }

  pipeFailed(error: unknown): void {
    this.#ended.reject(error);
  }
}
