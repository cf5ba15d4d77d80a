// Sends signalling requests to the HTTP APIs of origins, with whole bodies both ways.

import type { Address } from "../../core/address.ts";
import type { Origin } from "../../core/origin.ts";
import { Fields } from "../../protocol/http/head.ts";
import type { HttpResponse } from "../../protocol/http/response.ts";
import { Forwarder, type Route } from "../../http1/forward.ts";
import { OriginPool } from "../../http1/origin_pool.ts";
import { outgoingRequest } from "../../http1/outgoing_request.ts";
import { readBody } from "../../http1/read_body.ts";
import type { SignalingDependencies } from "./dependencies.ts";
import type { RequestHold } from "./request_bounds.ts";

/** Most bytes of an answer: a description, possibly escaped as JSON. */
const MAX_ANSWER = 131072;

export interface RtcRequest {
  readonly web: Request;
  readonly url: URL;
  /** Host header, port included; empty over HTTP/1.0. */
  readonly host: string;
  /** Without the question mark and the proxy's own parameters. */
  readonly query: string;
  readonly peer: Address;
  /** IP address of the client, as told by trusted load balancers. */
  readonly client: string;
  readonly hold: RequestHold;
}

export interface OriginCall {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly body?: Uint8Array;
}

export interface OriginAnswer {
  readonly origin: Origin;
  /** The address at which it was asked. */
  readonly address: Address;
  readonly response: HttpResponse;
  readonly body: Uint8Array<ArrayBuffer>;
}

export class OriginApi implements Disposable {
  readonly #deps: SignalingDependencies;
  readonly #pool: OriginPool;
  readonly #forwarder: Forwarder;

  constructor(deps: SignalingDependencies) {
    this.#deps = deps;
    this.#pool = new OriginPool(deps.engine);
    this.#forwarder = new Forwarder(deps, this.#pool, "api");
  }

  /**
   * Asks the first reachable origin of the route; the client's header fields are passed along.
   *
   * @throws ProxyError the error of the route or the origin; `client_gone`
   */
  async ask(client: RtcRequest, call: OriginCall, route: Route): Promise<OriginAnswer> {
    const { hopMark } = this.#deps;
    const [trustedProxies, timeouts] = [this.#deps.trustedProxies(), this.#deps.timeouts()];
    const fields = new Fields([...client.web.headers].map(([name, value]) => ({ name, value })));
    hopMark.requireNew(fields.tokens("via"));
    const { method, path, query, body: sent } = call;
    const isSecure = client.web.url.startsWith("https:");
    const request = outgoingRequest({ method, path, host: client.host, fields, version: "1.1" }, {
      ...{
        query,
        readable: true,
        peer: client.peer,
        isSecure,
        trustedProxies,
        hopMark,
        body: sent,
      },
    });
    const { origin, link, response } = await this.#forwarder.forward(request, route);
    const leave = () => route.outlivesClient || link.connection.close();
    route.gone.addEventListener("abort", leave);
    try {
      const bounds = { timeout: timeouts.answer, limit: MAX_ANSWER };
      const body = await readBody(link, response, bounds);
      const answer = { origin, address: link.address, response, body };
      if (response.reusable) this.#pool.give(link);
      else link.connection.close();
      return answer;
    } catch (error) {
      link.connection.close();
      throw error;
    } finally {
      route.gone.removeEventListener("abort", leave);
    }
  }

  [Symbol.dispose](): void {
    this.#pool[Symbol.dispose]();
  }
}
