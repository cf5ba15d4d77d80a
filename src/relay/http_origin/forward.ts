// Finds an origin for a request and asks it: the one forwarder for everything HTTP that goes to an
// origin. What becomes of the body is the caller's business.

import { ProxyError } from "../../core/errors.ts";
import type { Origin } from "../../core/origin.ts";
import type { HttpResponse } from "../../protocol/http/response.ts";
import type { OriginConnection, OriginPool } from "./origin_pool.ts";
import type { OutgoingRequest } from "./outgoing_request.ts";
import type { OriginHttpPorts } from "./ports.ts";

/** Where a request may go, and for how long somebody wants its answer. */
export interface Route {
  /** Chooses an origin; called again with the ids of those that could not be reached. */
  choose(failed: readonly string[]): Promise<Origin>;
  /** Told of each origin that could not be reached or did not answer, and why. */
  readonly failed?: (origin: string, failure: ProxyError) => void;
  /** Aborted when the client has left. */
  readonly gone: AbortSignal;
  /** Milliseconds for the head of the answer, when they are others than for all requests. */
  readonly patience?: number;
}

/** An origin's response, its body still on the connection. */
export interface Forwarded {
  readonly origin: Origin;
  readonly link: OriginConnection;
  readonly response: HttpResponse;
}

/** Asks origins on behalf of clients. */
export class Forwarder {
  readonly #ports: OriginHttpPorts;
  readonly #pool: OriginPool;
  readonly #protocol: "http" | "api";

  /** @param protocol which of an origin's endpoints are asked */
  constructor(ports: OriginHttpPorts, pool: OriginPool, protocol: "http" | "api") {
    this.#ports = ports;
    this.#pool = pool;
    this.#protocol = protocol;
  }

  /**
   * Sends a request to the first origin of the route that can be reached.
   *
   * @throws ProxyError what the route or the last origin failed with; `client_gone`
   */
  async forward(request: OutgoingRequest, route: Route): Promise<Forwarded> {
    const giveUpAt = Date.now() + this.#ports.timeouts.answer;
    const failed: string[] = [];
    let failure: ProxyError | undefined;
    while (Date.now() < giveUpAt) {
      const origin = await route.choose(failed).catch((error) => {
        throw failure ?? error;
      });
      try {
        return await this.#askOrigin(request, origin, route);
      } catch (error) {
        const reason = error instanceof Unreachable ? error.failure : error;
        const isOrigins = reason instanceof ProxyError && reason.source === "origin";
        if (isOrigins) route.failed?.(origin.id, reason);
        if (!(error instanceof Unreachable)) throw error;
        failure = error.failure;
        failed.push(origin.id);
      }
    }
    throw failure ?? new ProxyError("origin_timeout", "Origin does not answer");
  }

  async #askOrigin(
    request: OutgoingRequest,
    origin: Origin,
    route: Route,
  ): Promise<Forwarded> {
    // A kept connection may be about to close, and a body must not be sent twice.
    const kept = request.body === undefined ? this.#takeKept(origin) : undefined;
    if (kept !== undefined) {
      try {
        return { origin, link: kept, response: await this.#ask(request, kept, route) };
      } catch (error) {
        // It may have been closed while it waited: nothing has been answered, so ask anew.
        if (!(error instanceof ProxyError) || error.code !== "origin_gone") throw error;
      }
    }
    const link = await this.#dial(origin, route.gone);
    return { origin, link, response: await this.#ask(request, link, route) };
  }

  async #ask(
    request: OutgoingRequest,
    link: OriginConnection,
    { gone, patience = this.#ports.timeouts.answer }: Route,
  ): Promise<HttpResponse> {
    const leave = () => link.connection.close();
    gone.addEventListener("abort", leave);
    try {
      if (gone.aborted) throw clientGone();
      return await link.ask(request, patience);
    } catch (error) {
      link.connection.close();
      throw gone.aborted ? clientGone() : error;
    } finally {
      gone.removeEventListener("abort", leave);
    }
  }

  #takeKept(origin: Origin): OriginConnection | undefined {
    for (const address of origin.endpoints[this.#protocol]) {
      const link = this.#pool.take(address);
      if (link !== undefined) return link;
    }
    return undefined;
  }

  async #dial(origin: Origin, gone: AbortSignal): Promise<OriginConnection> {
    const { resolver, metrics, timeouts } = this.#ports;
    const protocol = this.#protocol;
    const count = (result: string) =>
      metrics.count("srs_proxy_origin_dials_total", { protocol, result });
    let failure = new ProxyError("no_origin", `Origin offers no ${protocol}`);
    for (const address of origin.endpoints[protocol]) {
      const startedAt = performance.now();
      try {
        const link = await this.#pool.dial(address, timeouts.dial, gone);
        resolver.reached(origin.id, protocol);
        count("reached");
        const seconds = (performance.now() - startedAt) / 1000;
        metrics.observe?.("srs_proxy_origin_dial_seconds", seconds, { protocol });
        return link;
      } catch (error) {
        if (!(error instanceof ProxyError) || error.source !== "origin") throw error;
        failure = error;
      }
    }
    resolver.unreachable(origin.id, protocol);
    count(failure.code);
    throw new Unreachable(failure);
  }
}

function clientGone(): ProxyError {
  return new ProxyError("client_gone", "Client has left");
}

/** Nothing has been sent yet: another origin may be tried. */
class Unreachable extends Error {
  readonly failure: ProxyError;

  constructor(failure: ProxyError) {
    super(failure.message);
    this.failure = failure;
  }
}
