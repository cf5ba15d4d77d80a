// Finds an origin for a request and sends it: the one forwarder for all HTTP that goes to origins.
// What happens to the body is the caller's business.

import { ProxyError } from "../core/errors.ts";
import type { Origin } from "../core/origin.ts";
import type { HttpResponse } from "../protocol/http/response.ts";
import type { OriginConnection, OriginPool } from "./origin_pool.ts";
import type { OutgoingRequest } from "./outgoing_request.ts";
import type { OriginHttpDependencies } from "./origin_dependencies.ts";
import { type DialBounds, tryOrigins } from "../core/try_origins.ts";

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
  /** See `OriginSearch`. */
  readonly bounds?: DialBounds;
  /**
   * Whether what has been sent is to be answered although the client has left meanwhile: the origin has
   * begun something by then that somebody has to end.
   */
  readonly outlivesClient?: boolean;
}

/** An origin's response, its body still on the connection. */
export interface Forwarded {
  readonly origin: Origin;
  readonly link: OriginConnection;
  readonly response: HttpResponse;
}

/** A connection, and the answer where one was kept and has given it. */
interface OpenedLink {
  readonly link: OriginConnection;
  readonly response?: HttpResponse;
}

/** Asks origins on behalf of clients. */
export class Forwarder {
  readonly #deps: OriginHttpDependencies;
  readonly #pool: OriginPool;
  readonly #protocol: "http" | "api";

  /** @param protocol which of an origin's endpoints are asked */
  constructor(deps: OriginHttpDependencies, pool: OriginPool, protocol: "http" | "api") {
    this.#deps = deps;
    this.#pool = pool;
    this.#protocol = protocol;
  }

  /**
   * Sends a request to the first origin of the route that can be reached.
   *
   * @throws ProxyError what the route or the last origin failed with; `client_gone`
   */
  async forward(request: OutgoingRequest, route: Route): Promise<Forwarded> {
    const { answer, dial } = this.#deps.timeouts();
    const { origin, link: { link, response } } = await tryOrigins<OpenedLink>(this.#deps, {
      protocol: this.#protocol,
      timeout: answer,
      dialTimeout: dial,
      choose: (failed) => route.choose(failed),
      reuse: (origin) => this.#askKept(request, origin, route),
      dial: async (address, timeout) => {
        const { gone } = route;
        return { link: await this.#pool.dial(address, { timeout, gone, client: request.client }) };
      },
      failed: route.failed,
      bounds: route.bounds,
      isGone: () => route.gone.aborted,
    });
    if (response !== undefined) return { origin, link, response };
    try {
      return { origin, link, response: await this.#ask(request, link, route) };
    } catch (error) {
      tellFailed(route, origin, error);
      throw error;
    }
  }

  /** Asks over a kept connection, if there is one and the request has no body, which must not go out twice. */
  async #askKept(
    request: OutgoingRequest,
    origin: Origin,
    route: Route,
  ): Promise<OpenedLink | undefined> {
    const link = request.body === undefined ? this.#takeKept(origin) : undefined;
    if (link === undefined) return undefined;
    try {
      return { link, response: await this.#ask(request, link, route) };
    } catch (error) {
      // It may have been closed while it was idle: nothing has been answered, so ask again.
      if (error instanceof ProxyError && error.code === "origin_gone") return undefined;
      tellFailed(route, origin, error);
      throw error;
    }
  }

  async #ask(
    request: OutgoingRequest,
    link: OriginConnection,
    { gone, patience = this.#deps.timeouts().answer, outlivesClient = false }: Route,
  ): Promise<HttpResponse> {
    const leave = () => outlivesClient || link.connection.close();
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
}

function clientGone(): ProxyError {
  return new ProxyError("client_gone", "Client has left");
}

function tellFailed({ failed }: Route, origin: Origin, error: unknown): void {
  if (error instanceof ProxyError && error.source === "origin") failed?.(origin.id, error);
}
