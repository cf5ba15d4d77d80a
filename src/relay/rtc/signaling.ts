// WebRTC signalling: requests to SRS's endpoints for WHIP, WHEP and the older JSON pair, and to the
// sessions they create. Decides what a request is for; an exchange for each one carries it out.
// Does not know listeners, CORS or the HTTP API's token.

import { addressGroup } from "../../core/address_group.ts";
import { trustedWay } from "../../core/client_address.ts";
import { ProxyError, toProxyError } from "../../core/errors.ts";
import { statusClass } from "../../core/metric_table.ts";
import type { Address } from "../../core/address.ts";
import { TaskGroup } from "../../net/task_group.ts";
import { takeParameter } from "../../protocol/http/query.ts";
import { SDP_BOUNDS } from "../../protocol/rtc/sdp.ts";
import { decodeSessionTag, SPBSID } from "../../protocol/rtc/session_tag.ts";
import { Advertiser } from "./advertiser.ts";
import { OfferExchange } from "./offer_exchange.ts";
import { OriginApi, type RtcRequest } from "./origin_api.ts";
import type { SignalingDependencies } from "./dependencies.ts";
import { answerOptions, refuse, refuseMethod, refuseWith } from "./responses.ts";
import { endpointAt, isBare, type RtcEndpoint, type RtcKind } from "./rtc_endpoint.ts";
import type { SignalingServices } from "./services.ts";
import { SESSION_FOLDER } from "./session_address.ts";
import { SessionExchange } from "./session_exchange.ts";
import { OpenSessions } from "./open_sessions.ts";
import { RequestBounds } from "./request_bounds.ts";
import { mayBeOffer, mediaTypeOf, readWish } from "./wish.ts";

const METHODS = "POST, OPTIONS";
const SDP = "application/sdp";
const JSON_TYPE = "application/json";

export class Signaling implements AsyncDisposable {
  readonly #deps: SignalingDependencies;
  readonly #services: SignalingServices;
  readonly #bounds: RequestBounds;

  private constructor(deps: SignalingDependencies) {
    this.#deps = deps;
    this.#bounds = new RequestBounds(deps.identifyMemory);
    this.#services = {
      deps,
      api: new OriginApi(deps),
      sessions: new OpenSessions(deps),
      advertiser: new Advertiser(deps),
      tasks: new TaskGroup((error) => deps.onError(error)),
    };
  }

  static open(deps: SignalingDependencies): Signaling {
    return new Signaling(deps);
  }

  /** Answers one request below `/rtc/v1/`. @param peer the address that opened the connection */
  async handle(web: Request, peer: Address): Promise<Response> {
    const url = new URL(web.url);
    const { value: tag, rest: query } = takeParameter(url.search.slice(1), SPBSID);
    const host = web.headers.get("host") ?? "";
    const endpoint = endpointAt(url.pathname);
    const client = this.#clientOf(web, peer);
    using hold = this.#bounds.open(addressGroup(client));
    const request = { web, url, host, query, peer, client, hold };
    const response = await this.#answer(request, { tag, endpoint });
    const kind: RtcKind | "session" | "other" = tag !== undefined
      ? "session"
      : endpoint?.kind ?? "other";
    const status = statusClass(response.status);
    this.#deps.metrics.count("srs_proxy_rtc_requests_total", { kind, status });
    return response;
  }

  /** Waits for requests to origins that are still running. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#services.tasks.idle();
    this.#services.api[Symbol.dispose]();
  }

  async #answer(request: RtcRequest, target: Target): Promise<Response> {
    try {
      return await this.#route(request, target);
    } catch (thrown) {
      const error = toProxyError(thrown);
      if (error.source === "internal") this.#deps.onError(thrown);
      this.#deps.metrics.count("srs_proxy_rtc_refused_total", { reason: error.code });
      return refuseWith(error);
    }
  }

  #clientOf(web: Request, peer: Address): string {
    const chain = web.headers.get("x-forwarded-for");
    const forwardedFor = chain === null ? [] : [chain];
    const realIp = web.headers.get("x-real-ip") ?? undefined;
    return trustedWay({ peer: peer.host, forwardedFor, realIp }, this.#deps.trustedProxies())[0]!;
  }

  async #route(request: RtcRequest, { tag, endpoint }: Target): Promise<Response> {
    if (tag !== undefined) {
      const session = decodeSessionTag(tag);
      if (session === undefined || !request.url.pathname.startsWith(SESSION_FOLDER)) {
        throw new ProxyError("not_found", "Cannot find this session");
      }
      return await new SessionExchange(this.#services, request, session).run();
    }
    if (endpoint === undefined) throw new ProxyError("not_found", "Not found");
    const type = isBare(endpoint.kind) ? SDP : JSON_TYPE;
    const { method } = request.web;
    if (method === "OPTIONS") return answerOptions({ allow: METHODS, "accept-post": type });
    if (method !== "POST") return refuseMethod(METHODS);
    return await this.#takeOffer(request, endpoint);
  }

  async #takeOffer(request: RtcRequest, endpoint: RtcEndpoint): Promise<Response> {
    const { web, hold } = request;
    const isSdp = isBare(endpoint.kind);
    if (this.#deps.isDraining()) throw new ProxyError("draining", "Server is shutting down");
    const { length: limit } = SDP_BOUNDS;
    const { clock, timeouts } = this.#deps;
    const deadline = timeouts().head;
    const body = await hold.readBody(web, { limit, deadline, clock });
    if (isSdp && !mayBeOffer(mediaTypeOf(web.headers.get("content-type")), body)) {
      return refuse(415, `Cannot accept a body other than ${SDP}`, { "accept-post": SDP });
    }
    const wish = readWish(endpoint, request, body);
    hold.begin();
    return await new OfferExchange(this.#services, request, wish).run();
  }
}

/** What the URL of a request names. */
interface Target {
  readonly tag: string | undefined;
  readonly endpoint: RtcEndpoint | undefined;
}
