// Keeps a stream mapped to the origin where a WebRTC session runs, for as long as it runs.

import { ProxyError } from "../../core/errors.ts";
import type { Resolver } from "../../core/contracts.ts";

/** Which stream, for which session of the log. */
export interface StreamHoldParts {
  readonly resolver: Resolver;
  readonly session: string;
  readonly stream: string;
  readonly intent: "publish" | "play";
  /** Id of the origin. */
  readonly origin: string;
}

/** A session's claim on its stream. */
export class StreamHold {
  readonly #parts: StreamHoldParts;
  #state: "new" | "asking" | "held" | "released" = "new";

  constructor(parts: StreamHoldParts) {
    this.#parts = parts;
  }

  /**
   * Claims the stream; without a registry, or when a viewer's is elsewhere by now, the session goes
   * on.
   *
   * @returns false when it publishes what is live elsewhere, and so must end
   */
  async take(): Promise<boolean> {
    const { resolver, session, stream, intent, origin } = this.#parts;
    this.#state = "asking";
    try {
      const request = { stream, intent, session, failed: [] };
      // An origin need not register where it takes media: its answers say so.
      const owner = await resolver.resolve({ ...request, protocol: "rtc" }).catch((error) => {
        if (!(error instanceof ProxyError) || error.code !== "no_origin") throw error;
        return resolver.resolve({ ...request, protocol: "api" });
      });
      if (owner.id === origin && this.#state === "asking") await resolver.confirm(session);
    } catch (error) {
      if (!(error instanceof ProxyError)) throw error;
      if (error.code === "stream_busy") return false;
    }
    if (this.#isOver) resolver.release(session);
    else this.#state = "held";
    return true;
  }

  /** The session is over. */
  release(): void {
    if (this.#state === "held") this.#parts.resolver.release(this.#parts.session);
    this.#state = "released";
  }

  get #isOver(): boolean {
    return this.#state === "released";
  }
}
