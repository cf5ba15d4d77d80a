// One request for media, from choosing an origin to the last byte of the response. Knows the
// registry only as the Resolver.

import { endedBy, isAboutOrigin, isEnding } from "../../core/ended_by.ts";
import { ProxyError, toProxyError } from "../../core/errors.ts";
import { formatAddress } from "../../core/endpoint.ts";
import { type LabelValue, statusClass } from "../../core/metric_table.ts";
import type { EndedBy } from "../../core/contracts.ts";
import type { Origin } from "../../core/origin.ts";
import { ConnectionFlow } from "../../net/connection_flow.ts";
import { StallWatch } from "../../net/stall_watch.ts";
import { extensionOf } from "../../protocol/hls/stream_paths.ts";
import { encodeSpbhid } from "../../protocol/hls/spbhid.ts";
import type { Field } from "../../protocol/http/head.ts";
import type { HttpResponse } from "../../protocol/http/response.ts";
import { NotOffered } from "./not_offered.ts";
import { BodyPump, type PumpEnd } from "./body_pump.ts";
import { corsFields, framingOf, REPRESENTATION, responseFields } from "./fields.ts";
import { outgoingRequest } from "../../http1/outgoing_request.ts";
import { readBody } from "../../http1/read_body.ts";
import type { Forwarded, Forwarder } from "../../http1/forward.ts";
import type { HttpExchange } from "../../http1/exchange.ts";
import type { MediaRequest } from "./media_request.ts";
import { MediaSearch } from "./media_search.ts";
import type { OriginPool } from "../../http1/origin_pool.ts";
import { MAX_LENGTH, rewriteBody } from "./playlist.ts";
import type { HttpDependencies } from "./dependencies.ts";

/** Why a session ended, as written to logs and counters. */
type SessionEnd = LabelValue<"srs_proxy_http_sessions_closed_total", "reason">;

/** Why a session was ended before its body was complete. */
export type EndReason = "client_closed" | "idle" | "stalled" | "shutdown" | EndedBy;

export interface MediaServices {
  readonly deps: HttpDependencies;
  readonly forwarder: Forwarder;
  readonly pool: OriginPool;
  /** Called when a session has been served. */
  over(session: HttpSession): void;
}

/** What must be known of a body when it has ended. */
type PassedBody = Pick<Forwarded, "link"> & Pick<HttpResponse, "bodyLength" | "reusable">;

const LAST_CHUNK = new TextEncoder().encode("0\r\n\r\n");

export class HttpSession {
  readonly id: string;
  readonly #services: MediaServices;
  readonly #exchange: HttpExchange;
  readonly #media: MediaRequest;
  readonly #search: MediaSearch;
  #ended: EndReason | undefined;
  #forwarded: Pick<Forwarded, "origin" | "link"> | undefined;
  /** Measures what flows, once it has been logged as a session. */
  #flow: ConnectionFlow | undefined;
  #quietFor = 0;
  readonly #stall: StallWatch;
  #countedBytes: number;

  constructor(services: MediaServices, exchange: HttpExchange, media: MediaRequest) {
    this.#services = services;
    this.#exchange = exchange;
    this.#media = media;
    this.id = services.deps.newSession();
    this.#search = new MediaSearch(services, media, this.id);
    this.#countedBytes = exchange.connection.bytesOut;
    this.#stall = new StallWatch(exchange.connection);
  }

  /** Whether it is a live stream, which may go on while the process drains. */
  get isLive(): boolean {
    return this.#media.kind === "live" || this.#flow !== undefined;
  }

  /** Whether it is waiting for a live stream that has not begun. */
  get #isWaiting(): boolean {
    return this.#media.kind === "live" && this.#forwarded === undefined;
  }

  /** Serves the request to its end. Never throws errors caused by the client or an origin. */
  async run(): Promise<void> {
    const { deps } = this.#services;
    const exchange = this.#exchange;
    exchange.client.watch(() => this.end("client_closed"));
    try {
      if (this.isLive) this.#requireNoDrain();
      await this.#serve();
    } catch (thrown) {
      await this.#refuse(this.#endedBefore() ?? await this.#explain(toProxyError(thrown)));
    } finally {
      if (this.#search.isResolved) deps.resolver.release(this.id);
      this.#countBytes();
      this.#services.over(this);
    }
  }

  /** See `RelaySessions`. */
  get received(): number {
    if (this.#forwarded === undefined) return 0;
    const isHeldUp = this.#exchange.connection.isWriting;
    return isHeldUp ? Infinity : this.#forwarded.link.connection.bytesIn;
  }

  /**
   * Ends the session from outside, with a last chunk if the client keeps reading. If no origin has
   * answered yet and the reason is the one being asked, another one is asked instead.
   */
  end(reason: EndReason): void {
    if (this.#ended !== undefined) return;
    const isUnanswered = this.#forwarded === undefined;
    if (isUnanswered && isAboutOrigin(reason)) return this.#search.leaveOrigin(reason);
    this.#ended = reason;
    this.#exchange.keepAlive = false;
    this.#search.end();
    this.#forwarded?.link.connection.close();
    if (this.#exchange.connection.isWriting) this.#exchange.connection.close();
  }

  /** Ends the session if it is still waiting for its stream. */
  drain(): void {
    if (this.#isWaiting) this.end("shutdown");
  }

  /**
   * Counts bytes, and ends the session if it has been idle, or its client has read nothing, for too
   * long.
   */
  sweep(elapsed: number): void {
    this.#countBytes();
    this.#tellFlowed();
    const { idle, stall } = this.#services.deps.timeouts();
    const client = this.#exchange.connection;
    const origin = this.#forwarded?.link.connection;
    const isActive = client.active || (origin?.active ?? false);
    this.#quietFor = isActive ? 0 : this.#quietFor + elapsed;
    const stalledFor = this.#stall.sweep(elapsed);
    client.active = false;
    if (origin !== undefined) origin.active = false;
    if (this.#isWaiting) this.#search.follow();
    if (stalledFor >= stall) this.end("stalled");
    else if (this.#quietFor >= idle) this.end("idle");
  }

  async #serve(): Promise<void> {
    const { kind, query, mayBeLive } = this.#media;
    const { request, connection } = this.#exchange;
    const isPlaylist = kind === "hls" || kind === "dash";
    const { deps } = this.#services;
    const { hopMark } = deps;
    const trustedProxies = deps.trustedProxies();
    const { peer, isSecure } = connection;
    const startedAt = deps.clock.now();
    const changes = { query, readable: isPlaylist, peer, isSecure, trustedProxies, hopMark };
    const forwarded = await this.#search.run(outgoingRequest(request, changes));
    const { origin, link } = forwarded;
    this.#forwarded = { origin, link };
    const seconds = (deps.clock.now() - startedAt) / 1000;
    deps.metrics.observe("srs_proxy_first_byte_seconds", seconds, { protocol: "http" });
    if (forwarded.response.status === 404) await this.#requireOffered();
    const isContent = forwarded.response.status === 200 && request.method === "GET";
    if (isPlaylist && isContent) await this.#answerPlaylist(forwarded, kind);
    // Not awaited here, so that nothing of the above is kept for hours.
    else return this.#passOn(forwarded, isContent && mayBeLive);
  }

  /** A 404 from an origin that serves the stream means that it does not offer this format. */
  async #requireOffered(): Promise<void> {
    const { resolver } = this.#services.deps;
    if (!this.#search.isResolved || !(await resolver.owner(this.#media.key.key))?.live) return;
    throw new NotOffered(extensionOf(this.#exchange.request.path));
  }

  async #answerPlaylist(forwarded: Forwarded, kind: "hls" | "dash"): Promise<void> {
    const { deps, pool } = this.#services;
    const { link, response, origin } = forwarded;
    const whole = await readBody(link, response, {
      timeout: deps.timeouts().answer,
      limit: MAX_LENGTH,
    });
    if (response.reusable) pool.give(link);
    else link.connection.close();
    if (this.#search.isResolved) deps.resolver.confirm(this.id);
    const target = {
      spbhid: encodeSpbhid({ key: this.#media.key, origin: origin.id }),
      clientHost: this.#exchange.request.host,
      originAddresses: origin.endpoints.http,
    };
    const { body, decoded } = await rewriteBody(whole, response, { kind, target });
    const fields = this.#fields(response, origin).filter(({ name }) => {
      const lower = name.toLowerCase();
      return !REPRESENTATION.has(lower) && !(decoded && lower === "content-encoding");
    });
    this.#count(200);
    await this.#exchange.answer({ status: 200, fields, body });
  }

  /** Passes the response on unchanged; a live stream is logged as a session. */
  async #passOn({ link, origin, response }: Forwarded, isStream: boolean): Promise<void> {
    const { bodyLength, reusable } = response;
    const { request, connection: client } = this.#exchange;
    // A response with a length is a file that happens to be named like a stream.
    const isSession = isStream && typeof bodyLength !== "number";
    if (isSession) this.#requireNoDrain();
    const unframe = bodyLength === "chunked" && request.version === "1.0";
    const begun = this.#begin(response, origin, { unframe, isSession });
    const pump = new BodyPump({ link, bodyLength, client, unframe });
    let reason: SessionEnd = "client_closed";
    if (await begun) {
      const end = await pump.run(this.#services.deps.engine);
      reason = await this.#endBody(pump, end, { link, bodyLength, reusable });
    }
    if (isSession) this.#close(reason);
  }

  #begin(
    response: HttpResponse,
    origin: Origin,
    { unframe, isSession }: { readonly unframe: boolean; readonly isSession: boolean },
  ): Promise<boolean> {
    const exchange = this.#exchange;
    const framing = framingOf(response, exchange.request.method, unframe);
    if (framing === undefined) exchange.keepAlive = false;
    const fields = [...this.#fields(response, origin), ...(framing ?? [])];
    this.#count(response.status);
    if (isSession) this.#open(origin);
    return exchange.begin(response.status, fields, response.reason);
  }

  /** @returns why it ended */
  async #endBody(
    pump: BodyPump,
    end: PumpEnd,
    { link, bodyLength, reusable }: PassedBody,
  ): Promise<SessionEnd> {
    const { connection } = this.#exchange;
    if (end === "complete" && this.#ended === undefined) {
      if (reusable) this.#services.pool.give(link);
      else link.connection.close();
      return "origin_closed";
    }
    link.connection.close();
    if (this.#ended !== undefined && this.#ended !== "client_closed" && pump.canEnd) {
      await connection.write(LAST_CHUNK);
    } else if (bodyLength !== "until_close" || end !== "origin_gone") {
      // A truncated body must not look complete.
      connection.close();
    }
    this.#exchange.keepAlive = false;
    if (this.#ended !== undefined) return this.#ended;
    return end === "client_gone" ? "client_closed" : end === "origin_gone" ? "origin_closed" : end;
  }

  #fields(response: HttpResponse, origin: Origin): Field[] {
    const corsOrigins = this.#services.deps.corsOrigins();
    return responseFields(response, this.#exchange.request, { origin, corsOrigins });
  }

  /** What the client is told if the session was ended before its response began. */
  #endedBefore(): ProxyError | undefined {
    if (this.#ended === "idle") return new ProxyError("not_found", "Stream has not begun");
    return this.#ended && isEnding(this.#ended) ? endedBy(this.#ended) : undefined;
  }

  /** Replaces the error with a clearer one if the stream's origin has no HTTP. */
  async #explain(error: ProxyError): Promise<ProxyError> {
    if (error.code !== "no_origin") return error;
    const owner = await this.#services.deps.resolver.owner(this.#media.key.key);
    const isMute = owner?.live && owner.origin.endpoints.http.length === 0;
    return isMute ? new ProxyError("no_origin", "The origin of this stream offers no HTTP") : error;
  }

  #requireNoDrain(): void {
    if (this.#services.deps.isDraining()) throw endedBy("shutdown");
  }

  #open(origin: Origin): void {
    const { resolver, sessions, metrics, clock } = this.#services.deps;
    this.#flow = new ConnectionFlow(this.#exchange.connection, clock);
    if (this.#search.isResolved) resolver.confirm(this.id);
    metrics.count("srs_proxy_http_sessions_opened_total");
    sessions.opened({
      session: this.id,
      protocol: "http",
      intent: "play",
      stream: this.#media.key.key,
      origin: origin.id,
      client: formatAddress(this.#exchange.connection.peer),
    });
  }

  #tellFlowed(): void {
    const flowed = this.#flow?.look();
    if (flowed !== undefined) this.#services.deps.sessions.flowed({ session: this.id, flowed });
  }

  #close(reason: SessionEnd): void {
    const { sessions, metrics } = this.#services.deps;
    metrics.count("srs_proxy_http_sessions_closed_total", { reason });
    sessions.closed({ session: this.id, reason, ...this.#flow!.bytes });
  }

  async #refuse(error: ProxyError): Promise<void> {
    const { deps } = this.#services;
    const exchange = this.#exchange;
    this.#forwarded?.link.connection.close();
    deps.metrics.count("srs_proxy_http_refused_total", { reason: error.code });
    if (this.#media.kind !== "part") {
      deps.sessions.refused({
        session: this.id,
        protocol: "http",
        intent: "play",
        stream: this.#media.key.key,
        client: formatAddress(exchange.connection.peer),
        tried: this.#search.tried,
        error,
      });
    }
    if (exchange.begun || this.#ended === "client_closed") {
      exchange.keepAlive = false;
      exchange.connection.close();
      return;
    }
    this.#count(error.httpStatus);
    const reason = error instanceof NotOffered ? error.reason : "";
    await exchange.answerError(error, corsFields(exchange.request, deps.corsOrigins()), reason);
  }

  #count(status: number): void {
    const { kind } = this.#media;
    const labels = { kind, status: statusClass(status) };
    this.#services.deps.metrics.count("srs_proxy_http_requests_total", labels);
  }

  #countBytes(): void {
    const { bytesOut } = this.#exchange.connection;
    const bytes = bytesOut - this.#countedBytes;
    if (bytes === 0) return;
    this.#countedBytes = bytesOut;
    const { kind, key: { key: stream } } = this.#media;
    const { metrics, sessions } = this.#services.deps;
    metrics.count("srs_proxy_http_relay_bytes_total", { kind }, bytes);
    if (this.#flow !== undefined || this.#forwarded === undefined) return;
    sessions.served({ stream, origin: this.#forwarded.origin.id, bytes });
  }
}
