// The inside of a lane: one thread with its engine, relays and clock. Opens them, handles messages from
// the main thread, and reports to it.

import type { Address } from "../core/address.ts";
import { addressGroup } from "../core/address_group.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import { type Config, loadConfig } from "../config/config.ts";
import { ChangeCounts } from "../core/change_counts.ts";
import { HopMark } from "../core/hop_mark.ts";
import { MemoryBudget } from "../core/memory_budget.ts";
import { DenoTcpEngine } from "../net/deno/tcp_engine.ts";
import type { TcpEngine } from "../net/engine.ts";
import { DescriptorSet } from "../net/libc/descriptor_set.ts";
import { ThreadLife } from "../net/libc/thread_life.ts";
import { EventLoop } from "../net/libc/event_loop.ts";
import { LibcTcpEngine } from "../net/libc/tcp_engine.ts";
import { originEngine } from "../net/origin_engine.ts";
import { openLibc } from "../net/udp/libc.ts";
import { HttpRelay } from "../relay/http/http_relay.ts";
import { IceServer, type IceServerOptions } from "../relay/rtc/ice_server.ts";
import { RtmpRelay } from "../relay/rtmp/rtmp_relay.ts";
import type { ListenAddress } from "../core/endpoint.ts";
import { WebHandler } from "../http1/web_server.ts";
import type { TlsPort } from "../net/tcp_server.ts";
import { OpenSslObjects } from "../net/tls/openssl_objects.ts";
import { TlsClient } from "../net/tls/tls_client.ts";
import { TlsServer } from "../net/tls/tls_server.ts";
import { MainThread } from "./main_thread.ts";
import {
  type FromLane,
  LANE_MAIL,
  LANE_THREAD,
  type LaneInit,
  type RelayName,
  type ToLane,
} from "./messages.ts";
import { sendError } from "./sent_error.ts";
import { ServedForwarders } from "./served_forwarders.ts";
import { SharedTally } from "./shared_tally.ts";

/** The global scope of a Worker, which Deno's types for windows lack. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<ToLane>) => void) | null;
  postMessage(message: FromLane): void;
  close(): void;
  /** Collects garbage; absent without `--expose-gc`. */
  gc?(): void;
}

/** The counterpart of the main thread's `Lane`. */
export function serveLane(): void {
  const scope = globalThis as unknown as WorkerScope;
  let lane: RunningLane | undefined;
  const fail = (error: unknown) => {
    lane?.report();
    scope.postMessage({ type: "failed", error: sendError(error) });
    scope.close();
  };
  // Otherwise the runtime first writes errors to standard error, and blocks there if its reader has
  // stopped, before anybody is told.
  addEventListener("error", (event) => {
    event.preventDefault();
    fail(event.error);
  });
  addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    fail(event.reason);
  });
  scope.onmessage = ({ data }) => {
    try {
      if (data.type !== "open") return lane?.take(data);
      lane = new RunningLane(data.init, (message) => scope.postMessage(message));
      // Starting leaves much garbage, and V8 does not collect while a lane is idle.
      scope.gc?.();
      lane.run().then(() => scope.close(), fail);
    } catch (error) {
      fail(error);
    }
  };
}

class RunningLane {
  readonly #init: LaneInit;
  readonly #post: (message: FromLane) => void;
  readonly #main: MainThread;
  readonly #loop: EventLoop | undefined;
  readonly #rtmp: RtmpRelay;
  readonly #http: HttpRelay | undefined;
  readonly #ice: IceServer | undefined;
  readonly #forwarders: ServedForwarders;
  readonly #tls: TlsServer | undefined;
  readonly #tlsClient: TlsClient;
  readonly #signals: WebHandler;
  readonly #clock: Clock;
  readonly #identifyMemory: MemoryBudget;
  readonly #mail: Int32Array;
  readonly #life: ThreadLife | undefined;
  readonly #over = Promise.withResolvers<void>();
  readonly #closing = new AsyncDisposableStack();
  #config: Config;
  #isDraining = false;
  /** Seconds of CPU time reported so far. */
  #cpuTime = 0;
  #taken = 0;

  constructor(init: LaneInit, post: (message: FromLane) => void) {
    this.#init = init;
    this.#post = post;
    this.#mail = new Int32Array(init.mail);
    this.#life = ThreadLife.open();
    if (this.#life) this.#closing.use(this.#life);
    Atomics.store(this.#mail, LANE_THREAD, this.#life?.current ?? 0);
    this.#config = configOf(init.variables);
    if (init.engine === "libc") {
      const library = openLibc();
      this.#closing.defer(() => library.close());
      const libc = new DescriptorSet(init.descriptors).watch(library.symbols);
      this.#loop = this.#closing.use(new EventLoop(libc));
    }
    const sockets = this.#loop ? new LibcTcpEngine(this.#loop) : new DenoTcpEngine(systemClock);
    const objects = new OpenSslObjects(init.openSslObjects);
    this.#tlsClient = this.#closing.use(new TlsClient(init.authorities, objects));
    const engine = originEngine(sockets, {
      header: () => this.#config.originHeader,
      client: this.#tlsClient,
      onFailed: (failure) => {
        this.#main.metrics.count("srs_proxy_origin_tls_failures_total");
        this.#main.tell({ type: "tls_failed", failure });
      },
    });
    this.#main = new MainThread(post, {
      changes: new ChangeCounts(init.changes),
      now: () => sockets.clock.now(),
    });
    this.#clock = engine.clock;
    this.#identifyMemory = new MemoryBudget(
      () => this.#config.identifyMemory,
      new SharedTally(init.identifyMemory, init.column),
    );
    const options = this.#options(engine);
    this.#ice = this.#openIce(options);
    this.#forwarders = new ServedForwarders({
      ...{ column: init.column, loop: this.#loop, clock: engine.clock, post },
      connections: this.#ice,
      onFailed: (error) => this.#over.reject(error),
    });
    this.#tls = init.tls && this.#closing.use(new TlsServer(init.tls, { objects }));
    this.#signals = this.#closing.use(this.#openSignals());
    this.#rtmp = RtmpRelay.open({
      ...options,
      listen: init.listen.rtmp,
      tls: this.#tlsPort(init.listen.rtmps),
      tally: new SharedTally(init.rtmpConnections, init.column),
    });
    this.#http = init.listen.http && HttpRelay.open({
      ...options,
      listen: init.listen.http,
      tls: this.#tlsPort(init.listen.https, "https"),
      guest: this.#guestOf("http"),
      signals: this.#signals,
      tally: new SharedTally(init.httpConnections, init.column),
      hlsPaths: () => this.#config.http.hlsPaths,
      looksForFiles: () => this.#config.http.originFiles,
      origins: () => this.#main.origins(),
      answerOther: (request) => this.#main.page(request),
    });
    post({
      type: "opened",
      rtmp: this.#rtmp.address,
      rtmps: this.#rtmp.secureAddress,
      http: this.#http?.address,
      https: this.#http?.secureAddress,
      rtcTcp: this.#ice?.address,
    });
  }

  /** Runs until the main thread ends the lane. */
  async run(): Promise<void> {
    const loop = this.#loop;
    const running = loop?.run({
      blocks: true,
      wake: this.#init.wake,
      hasMail: () => Atomics.load(this.#mail, LANE_MAIL) !== this.#taken,
    });
    const died = [this.#rtmp.closed, this.#http?.closed, this.#ice?.closed].map((closed) => {
      return closed?.then(() => this.#over.promise);
    });
    await Promise.race([this.#over.promise, ...died, running].filter((one) => one !== undefined));
    loop?.stop();
    await running;
    this.report();
    this.#post({ type: "closed" });
    await this.#closing.disposeAsync();
  }

  take(message: Exclude<ToLane, { type: "open" }>): void {
    this.#taken = (this.#taken + 1) | 0;
    switch (message.type) {
      case "answer":
        return this.#main.answered(message.id, message.answer);
      case "refusal":
        return this.#main.refused(message.id, message.error);
      case "end_session":
        this.#rtmp.endSession(message.session, message.reason) ||
          this.#http?.endSession(message.session, message.reason);
        return;
      case "configure":
        this.#config = configOf(message.variables);
        return;
      case "certify":
        return this.#tls?.replace(message.tls);
      case "trust":
        return this.#tlsClient.replace(message.authorities);
      case "ping":
        return this.#pong(message);
      case "drain":
        this.#isDraining = true;
        return this.#drain(message.relay);
      case "kill":
        return this.#relay(message.relay)?.kill();
      case "forwarder":
        return this.#forwarders.take(message);
      case "close":
        this.#close();
    }
  }

  /** Signalling is forwarded to the main thread. */
  #openSignals(): WebHandler {
    return new WebHandler({
      timeouts: () => this.#config.timeouts,
      handle: (request, peer) => this.#signal(request, peer),
      onRefused: (reason) => this.#main.metrics.count("srs_proxy_http_refused_total", { reason }),
      onError: (error) => this.#main.report(error),
    });
  }

  async #signal(request: Request, peer: Address): Promise<Response> {
    using memory = this.#identifyMemory.open(addressGroup(peer.host));
    const { head: deadline } = this.#config.timeouts;
    return await this.#main.signal(request, peer, { clock: this.#clock, deadline, memory });
  }

  #tlsPort(listen: ListenAddress | undefined, name?: "https"): TlsPort | undefined {
    const tls = this.#tls;
    if (listen === undefined || tls === undefined) return undefined;
    const server = name === "https" ? tls : tls.withoutTickets;
    return { listen, server: () => server, guest: name && this.#guestOf(name) };
  }

  /** With Deno's engine only the first lane has a forwarder, and so an ICE server. */
  #openIce(options: Omit<IceServerOptions, "listen" | "startTimeout">): IceServer | undefined {
    const { lane, engine, listen: { rtcTcp }, rtcConnections, column } = this.#init;
    if (rtcTcp === undefined || (engine === "deno" && lane > 1)) return undefined;
    return IceServer.open({
      ...options,
      listen: typeof rtcTcp === "object" ? rtcTcp : undefined,
      startTimeout: () => this.#config.webrtc.startTimeout,
      tally: new SharedTally(rtcConnections, column),
    });
  }

  #guestOf(name: "http" | "https"): IceServer | undefined {
    return this.#init.listen.rtcTcp === name ? this.#ice : undefined;
  }

  #options(engine: TcpEngine) {
    const { idPrefix, pseudonym, listen } = this.#init;
    const { metrics, resolver, sessions } = this.#main;
    let count = 0;
    const clock: Clock = engine.clock;
    return {
      ...{ engine, clock, metrics, resolver, sessions },
      reusePort: listen.reusePort,
      hopMark: new HopMark(pseudonym),
      limits: () => this.#config.limits,
      timeouts: () => this.#config.timeouts,
      balancers: () => this.#config.balancers,
      trustedProxies: () => this.#config.http.trustedProxies,
      corsOrigins: () => this.#config.http.corsOrigins,
      identifyMemory: this.#identifyMemory,
      isDraining: () => this.#isDraining,
      newSession: () => `${idPrefix}_${(++count).toString(36)}`,
      onError: (error: unknown) => this.#main.report(error),
    };
  }

  #relay(relay: RelayName): RtmpRelay | HttpRelay | undefined {
    return relay === "rtmp" ? this.#rtmp : this.#http;
  }

  #drain(relay: RelayName): void {
    const draining = this.#relay(relay);
    draining?.drain();
    (draining?.idle() ?? Promise.resolve()).then(() => this.#post({ type: "idle", relay }));
  }

  async #close(): Promise<void> {
    this.#forwarders.close();
    await Promise.all([
      this.#rtmp[Symbol.asyncDispose](),
      this.#http?.[Symbol.asyncDispose](),
      this.#ice?.[Symbol.asyncDispose](),
    ]);
    this.#over.resolve();
  }

  #countCpu(): void {
    const cpuTime = this.#life?.cpuTime ?? 0;
    const lane = String(this.#init.lane);
    this.#main.metrics.count("srs_proxy_lane_cpu_seconds_total", { lane }, cpuTime - this.#cpuTime);
    this.#cpuTime = cpuTime;
  }

  #countConnections(): void {
    const { metrics } = this.#main;
    metrics.gauge("srs_proxy_rtmp_connections", this.#rtmp.connections);
    metrics.gauge("srs_proxy_http_connections", this.#http?.connections ?? 0);
    metrics.gauge("srs_proxy_rtc_tcp_connections", this.#ice?.connections ?? 0);
  }

  /** In one message, since a lane at rest has little else to do. */
  #pong({ id, asksReceived }: Extract<ToLane, { type: "ping" }>): void {
    const notices = this.#main.collect(() => {
      this.report();
      if (asksReceived) this.#tellReceived();
    });
    this.#post({ type: "pong", id, notices });
  }

  /** Sends counts and gauges. */
  report(): void {
    this.#countCpu();
    this.#countConnections();
    this.#main.flush();
  }

  #tellReceived(): void {
    const sessions: [string, number][] = [];
    const tell = (session: string, bytes: number) => void sessions.push([session, bytes]);
    this.#rtmp.tellReceived(tell);
    this.#http?.tellReceived(tell);
    if (sessions.length > 0) this.#main.tell({ type: "received", sessions });
  }
}

function configOf(variables: Readonly<Record<string, string>>): Config {
  return loadConfig({ variables, problems: [] });
}
