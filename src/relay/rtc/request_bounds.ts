// Limits what running requests may hold: memory for their bodies while these arrive, and a place
// among those for which an origin is asked. A body being read has a deadline but takes no place, so
// that slow senders keep nobody out; and no address gets so much of either that nothing is left for
// others.

import { type BodyBounds, readBoundedBytes } from "../../core/bounded_body.ts";
import { ProxyError } from "../../core/errors.ts";
import { FairShare, type Share } from "../../core/fair_share.ts";
import type { MemoryBudget, MemoryHold } from "../../core/memory_budget.ts";

/** Most concurrent requests for which origins are asked; each holds connections and an answer. */
const MAX_EXCHANGES = 1000;

/** The limits on all requests together. */
export class RequestBounds {
  readonly #bodies: MemoryBudget;
  readonly #exchanges = new FairShare(MAX_EXCHANGES);

  /** @param bodies the budget for bodies that are arriving or being answered */
  constructor(bodies: MemoryBudget) {
    this.#bodies = bodies;
  }

  /**
   * Starts a request, which holds nothing yet. @param client the address group that it comes from
   */
  open(client: string): RequestHold {
    return new RequestHold(this.#bodies.open(client), this.#exchanges.open(client));
  }
}

/** What one request holds until it is disposed of. */
export class RequestHold implements Disposable {
  readonly #memory: MemoryHold;
  readonly #place: Share;
  #remains: Promise<void> | undefined;

  constructor(memory: MemoryHold, place: Share) {
    this.#memory = memory;
    this.#place = place;
  }

  /**
   * Reads the body of the request, of at most `limit` bytes within `deadline` milliseconds.
   *
   * @throws ProxyError as `readBoundedBytes` does
   */
  readBody(
    request: Request,
    bounds: Omit<BodyBounds, "memory">,
  ): Promise<Uint8Array<ArrayBuffer>> {
    return readBoundedBytes(request, { ...bounds, memory: this.#memory });
  }

  /** Takes a place for asking an origin. @throws ProxyError `overloaded` */
  begin(): void {
    if (this.#place.grow(1)) return;
    throw new ProxyError("overloaded", "Cannot accept more requests at once");
  }

  /** Keeps the place until work left over by the request is done. */
  remain(done: Promise<void>): void {
    this.#remains = done;
  }

  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]();
    if (this.#remains === undefined) this.#place[Symbol.dispose]();
    else this.#remains.finally(() => this.#place[Symbol.dispose]());
  }
}
