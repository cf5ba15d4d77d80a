// Finds an origin for a request and sends it there. All HTTP requests on behalf of clients go
// through here. The caller handles the body of the response.

import { FailedAddresses } from "../core/failed_addresses.ts";
import { ProxyError } from "../core/errors.ts";
import type { Origin } from "../core/origin.ts";
import type { HttpResponse } from "../protocol/http/response.ts";
import type { OriginConnection, OriginPool } from "./origin_pool.ts";
import type { OutgoingRequest } from "./outgoing_request.ts";
import type { OriginHttpDependencies } from "./origin_dependencies.ts";
import { type DialBounds, tryOrigins } from "../core/try_origins.ts";

/** Where a request may go, and how long its answer is wanted. */
export interface Route {
  /** Chooses an origin; called again with the ids of those that could not be reached. */
  choose(failed: readonly string[]): Promise<Origin>;
  /** Called for each origin that could not be reached or did not answer, with the reason. */
  readonly failed?: (origin: string, failure: ProxyError) => void;
  /** Aborted when the client has left. */
  readonly gone: AbortSignal;
  /** Milliseconds to wait for the head of the answer; the `answer` timeout unless given. */
  readonly patience?: number;
  /** See `OriginSearch`. */
  readonly bounds?: DialBounds;
  /**
   * Whether to wait for the answer even if the client leaves once the request has been sent,
   * because the origin may have started something that must then be ended.
   */
  readonly outlivesClient?: boolean;
}

/** An origin's response, its body still on the connection. */
export interface Forwarded {
  readonly origin: Origin;
  readonly link: OriginConnection;
  readonly response: HttpResponse;
}

/** A connection to an origin, and the response if a kept connection has already given it. */
interface OpenedLink {
  readonly link: OriginConnection;
  readonly response?: HttpResponse;
}

/** Sends requests to origins on behalf of clients. */
export class Forwarder {
  readonly #deps: OriginHttpDependencies;
  readonly #pool: OriginPool;
  readonly #protocol: "http" | "api";
  readonly #failures = new FailedAddresses();

  /** @param protocol which of an origin's endpoints to use */
  constructor(deps: OriginHttpDependencies, pool: OriginPool, protocol: "http" | "api") {
    this.#deps = deps;
    this.#pool = pool;
    this.#protocol = protocol;
  }

  /**
   * Sends a request to the first reachable origin of the route.
   *
   * @throws ProxyError the error of the route or the last origin; `client_gone`
   */
  async forward(request: OutgoingRequest, route: Route): Promise<Forwarded> {
    const { answer, dial } = this.#deps.timeouts();
    const { origin, link: { link, response } } = await tryOrigins<OpenedLink>(this.#deps, {
      protocol: this.#protocol,
      timeout: answer,
      dialTimeout: dial,
      failures: this.#failures,
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

  /**
   * Asks over a kept connection, if there is one and the request has no body; a body must not be
   * sent twice.
   */
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
      // The connection may have been closed while idle. Nothing has been answered, so ask again.
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
