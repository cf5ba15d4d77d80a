// The HTTP relay: its port, which handler each request goes to, and the limits, sweeping and
// shutdown of running sessions. Media comes from origins; a handler passed in answers everything
// else.

import type { LabelValue } from "../../core/metric_table.ts";
import type { EndedBy, RelaySessions } from "../../core/contracts.ts";
import type { OriginStatus } from "../../core/registrar.ts";
import { type ProxyError, toProxyError } from "../../core/errors.ts";
import type { MemoryBudget } from "../../core/memory_budget.ts";
import type { Address } from "../../core/address.ts";
import { Sweeper } from "../../net/sweeper.ts";
import type { TcpPortOptions } from "../../net/tcp_server.ts";
import { corsFields } from "./fields.ts";
import { Forwarder } from "../../http1/forward.ts";
import { type HeadTimeouts, Http1Server } from "../../http1/server.ts";
import type { HttpExchange } from "../../http1/exchange.ts";
import { firstServed, type MediaRequest, mediaWishOf } from "./media_request.ts";
import { HttpSession, type MediaServices } from "./http_session.ts";
import { OriginPool } from "../../http1/origin_pool.ts";
import { OriginFiles } from "./origin_files.ts";
import { PageExchange } from "./page_exchange.ts";
import type { HttpDependencies, HttpTimeouts } from "./dependencies.ts";
import { dropSmallBody } from "../../http1/small_body.ts";
import { webRequest } from "../../http1/web_request.ts";
import type { WebHandler } from "../../http1/web_server.ts";

/**
 * Paths of the API where both share a port, as with SRS. Not all of `/rtc/`, because a stream's
 * application may be called `rtc`.
 */
const API = /^\/(?:api|rtc\/v1)\//;
/**
 * Requested by the pages from the port they were loaded from, although the path looks like the
 * API's.
 */
const PAGES_LIST = "/api/v1/streams/live";
const SIGNALS = "/rtc/v1/";
const METHODS: readonly string[] = ["GET", "HEAD", "OPTIONS"];

export interface HttpRelayOptions extends HttpDependencies, TcpPortOptions {
  readonly identifyMemory: MemoryBudget;
  timeouts(): HttpTimeouts & HeadTimeouts;
  /** All origins, for files that belong to no stream. */
  origins(): Promise<readonly OriginStatus[]>;
  /** Whether to look for files that belong to no stream. */
  looksForFiles(): boolean;
  /** Shares the port; answers below `/api/` and `/rtc/v1/` until the port is closed. */
  readonly api?: Pick<WebHandler, "serve"> | undefined;
  /** Answers below `/rtc/v1/` if no API shares the port. */
  readonly signals?: Pick<WebHandler, "serve"> | undefined;
  /** Answers requests that are not for media. */
  answerOther(request: Request): Promise<Response>;
}

interface Running {
  readonly id: string;
  readonly isLive: boolean;
  readonly received: number;
  end(reason: "shutdown" | EndedBy): void;
  /** Ends it if it is waiting for something that may never come. */
  drain(): void;
  sweep(elapsed: number): void;
}

export class HttpRelay implements RelaySessions, AsyncDisposable {
  readonly #options: HttpRelayOptions;
  readonly #services: MediaServices;
  readonly #files: OriginFiles;
  readonly #running = new Set<Running>();
  readonly #whenIdle: (() => void)[] = [];
  readonly #server: Http1Server;
  readonly #sweeper: Sweeper;

  private constructor(options: HttpRelayOptions) {
    this.#options = options;
    const pool = new OriginPool(options.engine);
    this.#services = {
      ...{ deps: options, pool, forwarder: new Forwarder(options, pool, "http") },
      over: (session) => this.#over(session),
    };
    this.#files = new OriginFiles(options, this.#services);
    try {
      this.#server = Http1Server.open({
        ...options,
        name: "HTTP server",
        handle: (exchange) => this.#handle(exchange),
        onRefused: (reason) => this.#countRefused(reason),
      });
    } catch (error) {
      pool[Symbol.dispose]();
      throw error;
    }
    this.#sweeper = new Sweeper({
      clock: options.clock,
      timeouts: () => options.timeouts(),
      sweep: (elapsed) => this.#sweep(elapsed),
    });
  }

  /** @throws ProxyError `internal` when the port cannot be bound */
  static open(options: HttpRelayOptions): HttpRelay {
    return new HttpRelay(options);
  }

  get address(): Address {
    return this.#server.address;
  }

  /** Where it listens for TLS. */
  get secureAddress(): Address | undefined {
    return this.#server.secureAddress;
  }

  /** Number of clients with open connections. */
  get connections(): number {
    return this.#server.connections;
  }

  /** Rejects when the listener dies by itself. */
  get closed(): Promise<void> {
    return this.#server.closed;
  }

  /**
   * Accepts no new clients and no new streams; sessions that have reached their stream continue. A
   * port shared with the API keeps accepting clients for the API.
   */
  drain(): void {
    if (this.#options.api === undefined) this.#server.stop();
    for (const running of this.#running) running.drain();
  }

  /** Closes the port, also for the API. */
  stop(): void {
    this.#server.stop();
  }

  /** Ends all running requests. */
  kill(): void {
    for (const running of this.#running) running.end("shutdown");
  }

  endSession(session: string, reason: EndedBy): boolean {
    const running = this.#find(session);
    running?.end(reason);
    return running !== undefined;
  }

  /** Reports how many bytes the origin of each live stream has sent. */
  tellReceived(tell: (session: string, bytes: number) => void): void {
    for (const { id, isLive, received } of this.#running) if (isLive) tell(id, received);
  }

  received(sessions: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const wanted = new Set(sessions);
    const running = [...this.#running].filter(({ id }) => wanted.has(id));
    return Promise.resolve(new Map(running.map(({ id, received }) => [id, received])));
  }

  /**
   * Resolves when no client is left; where the API shares the port, when no media client is left.
   */
  idle(): Promise<void> {
    if (this.#options.api === undefined) return this.#server.idle();
    if (this.#running.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.drain();
    this.stop();
    this.kill();
    await this.#server[Symbol.asyncDispose]();
    this.#services.pool[Symbol.dispose]();
    this.#sweeper[Symbol.dispose]();
  }

  #find(session: string): Running | undefined {
    for (const running of this.#running) if (running.id === session) return running;
    return undefined;
  }

  #handle(exchange: HttpExchange): Promise<void> {
    const { api, signals } = this.#options;
    const { path } = exchange.request;
    const isApis = API.test(path) && path !== PAGES_LIST;
    if (api !== undefined && isApis) return api.serve(exchange);
    if (signals !== undefined && path.startsWith(SIGNALS)) return signals.serve(exchange);
    return this.#answer(exchange).catch((thrown) => this.#refuse(exchange, thrown));
  }

  async #answer(exchange: HttpExchange): Promise<void> {
    if (await this.#answerMethod(exchange)) return;
    await dropSmallBody(exchange, this.#options.timeouts().head);
    this.#options.hopMark.requireNew(exchange.request.fields.tokens("via"));
    const media = await this.#findMedia(exchange);
    if (media === undefined) await this.#answerOther(exchange);
    // Not awaited here, so that nothing is kept suspended for hours.
    else return this.#answerMedia(exchange, media);
  }

  async #refuse(exchange: HttpExchange, thrown: unknown): Promise<void> {
    const error = toProxyError(thrown);
    if (error.source === "internal") this.#options.onError(thrown);
    this.#countRefused(error.code);
    await this.#answerError(exchange, error);
  }

  /** Answers OPTIONS and methods that are not allowed. @returns whether it has answered */
  async #answerMethod(exchange: HttpExchange): Promise<boolean> {
    const { method } = exchange.request;
    const cors = corsFields(exchange.request, this.#options.corsOrigins());
    const allow = { name: "Allow", value: METHODS.join(", ") };
    if (!METHODS.includes(method)) {
      this.#countRefused("method");
      if (exchange.request.bodyLength !== 0) exchange.keepAlive = false;
      await exchange.answer({ status: 405, fields: [...cors, allow] });
    } else if (method === "OPTIONS") {
      await dropSmallBody(exchange, this.#options.timeouts().head);
      await exchange.answer({ status: 204, fields: [...cors, allow] });
    } else {
      return false;
    }
    return true;
  }

  /**
   * Decides what a request is for: the first of the possible streams that an origin has served;
   * else a file that an origin has; else the stream that its path names. A request with a tag names
   * both stream and origin.
   */
  async #findMedia(exchange: HttpExchange): Promise<MediaRequest | undefined> {
    const { guesses, otherwise } = mediaWishOf(exchange.request, this.#options.hlsPaths());
    if (otherwise?.originTag !== undefined) return otherwise;
    const served = await firstServed(guesses, async (stream) => {
      return (await this.#options.resolver.owner(stream))?.confirmed ?? false;
    });
    if (served !== undefined || otherwise === undefined) return served;
    return await this.#findFile(exchange) ?? otherwise;
  }

  async #findFile(exchange: HttpExchange): Promise<MediaRequest | undefined> {
    return this.#options.looksForFiles() ? await this.#files.find(exchange) : undefined;
  }

  #answerMedia(exchange: HttpExchange, media: MediaRequest): Promise<void> {
    const session = new HttpSession(this.#services, exchange, media);
    this.#running.add(session);
    return session.run();
  }

  /** Answers with the proxy's own page or file, or else with an origin's file. */
  async #answerOther(exchange: HttpExchange): Promise<void> {
    const response = await this.#options.answerOther(webRequest(exchange));
    const file = response.status === 404 ? await this.#findFile(exchange) : undefined;
    if (file !== undefined) {
      await response.body?.cancel();
      return await this.#answerMedia(exchange, file);
    }
    const page = new PageExchange(exchange, this.#options.timeouts().stall);
    this.#running.add(page);
    try {
      await page.run(response);
    } finally {
      this.#over(page);
    }
  }

  #over(running: Running): void {
    this.#running.delete(running);
    if (this.#running.size === 0) { for (const resolve of this.#whenIdle.splice(0)) resolve(); }
  }

  async #answerError(exchange: HttpExchange, error: ProxyError): Promise<void> {
    if (exchange.begun) {
      exchange.keepAlive = false;
      exchange.connection.close();
      return;
    }
    await exchange.answerError(error, corsFields(exchange.request, this.#options.corsOrigins()));
  }

  #countRefused(reason: LabelValue<"srs_proxy_http_refused_total", "reason">): void {
    this.#options.metrics.count("srs_proxy_http_refused_total", { reason });
  }

  #sweep(elapsed: number): void {
    this.#options.metrics.gauge("srs_proxy_http_connections", this.connections);
    for (const running of this.#running) running.sweep(elapsed);
  }
}
