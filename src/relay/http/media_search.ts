// Asks an origin for what one request wants, and another one if the first goes down meanwhile or the
// stream begins elsewhere. Knows the registry only as the Resolver.

import { type AboutOrigin, endedBy } from "../../core/ended_by.ts";
import { toProxyError } from "../../core/errors.ts";
import type { TriedOrigin } from "../../core/contracts.ts";
import type { Origin } from "../../core/origin.ts";
import type { Forwarded, Forwarder } from "../../http1/forward.ts";
import type { OutgoingRequest } from "../../http1/outgoing_request.ts";
import type { HttpDependencies } from "./dependencies.ts";
import type { MediaRequest } from "./media_request.ts";

export interface MediaSearchParts {
  readonly deps: HttpDependencies;
  readonly forwarder: Forwarder;
}

export class MediaSearch {
  /** Origins that were tried without success. */
  readonly tried: TriedOrigin[] = [];
  readonly #parts: MediaSearchParts;
  readonly #media: MediaRequest;
  readonly #session: string;
  /** Aborted when the search is to end, and when it is to go on elsewhere; absent once it is over. */
  #gone: AbortController | undefined = new AbortController();
  #elsewhere: AbortController | undefined;
  /** The origin being asked, and those that have gone down while they were. */
  #asked: string | undefined;
  readonly #down: string[] = [];

  constructor(parts: MediaSearchParts, media: MediaRequest, session: string) {
    this.#parts = parts;
    this.#media = media;
    this.#session = session;
  }

  /** Whether the resolver chooses the origin, and must be told the outcome. */
  get isResolved(): boolean {
    return this.#media.originTag === undefined && this.#media.kind !== "part";
  }

  /**
   * Finds an origin that answers. A player that arrives before the publisher waits at the origin, as
   * with SRS; if the publisher then connects to another one, the request is repeated there.
   *
   * @throws ProxyError as `Forwarder.forward`; `origin_gone`
   */
  async run(request: OutgoingRequest): Promise<Forwarded> {
    const { signal: gone } = this.#gone!;
    const waits = this.#media.kind === "live" ? { patience: Infinity } : {};
    while (true) {
      this.#elsewhere = new AbortController();
      const elsewhere = this.#elsewhere.signal;
      try {
        const forwarded = await this.#parts.forwarder.forward(request, {
          ...waits,
          choose: (failed) => this.#chooseOrigin(failed),
          failed: (origin, { code }) => this.tried.push({ origin, code }),
          gone: AbortSignal.any([gone, elsewhere]),
        });
        this.#gone = this.#elsewhere = undefined;
        return forwarded;
      } catch (error) {
        if (!elsewhere.aborted || gone.aborted) throw error;
      }
    }
  }

  /** Ends the search: `run` throws. */
  end(): void {
    this.#gone?.abort();
  }

  /** Leaves the origin being asked; if it is down, it is not asked again. */
  leaveOrigin(reason: AboutOrigin): void {
    if (this.#elsewhere === undefined || this.#asked === undefined) return;
    if (reason === "origin_down") {
      this.#down.push(this.#asked);
      this.tried.push({ origin: this.#asked, code: endedBy(reason).code });
    }
    this.#elsewhere.abort();
  }

  /** Leaves an origin without the stream if the stream is live at another one. */
  async follow(): Promise<void> {
    if (this.#asked === undefined) return;
    const owner = await this.#parts.deps.resolver.owner(this.#media.key.key).catch(() => {});
    if (owner?.live && owner.origin.id !== this.#asked) this.#elsewhere?.abort();
  }

  async #chooseOrigin(failed: readonly string[]): Promise<Origin> {
    try {
      const origin = await this.#findOrigin([...this.#down, ...failed]);
      this.#asked = origin.id;
      return origin;
    } catch (error) {
      const isNoneLeft = this.#down.length > 0 && toProxyError(error).code === "no_origin";
      throw isNoneLeft ? endedBy("origin_down") : error;
    }
  }

  #findOrigin(failed: readonly string[]): Promise<Origin> {
    const { resolver } = this.#parts.deps;
    const { key: { key: stream }, originTag } = this.#media;
    if (!this.isResolved) {
      return resolver.locate({ stream, originTag, protocol: "http", failed });
    }
    const session = this.#session;
    return resolver.resolve({ stream, protocol: "http", intent: "play", session, failed });
  }
}
