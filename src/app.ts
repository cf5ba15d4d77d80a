// The whole program put together: the one place that knows every part. Opens them in order, drains
// and ends them together. Knows no signals and no exit codes; main.ts has those.

import { httpApi } from "./api/http_api.ts";
import { LiveSessions, type LiveSessionsOptions } from "./api/session_log.ts";
import { PrometheusMetrics } from "./api/metrics.ts";
import { type Readiness, systemApi } from "./api/system_api.ts";
import { type About, versionsApp } from "./api/versions.ts";
import type { Config } from "./config.ts";
import { logger } from "./core/log.ts";
import type { Address } from "./core/origin.ts";
import type { Metrics } from "./core/ports.ts";
import { Deadline } from "./net/deadline.ts";
import { type HttpHandler, HttpServer } from "./net/http_server.ts";
import type { Registry } from "./registry/registry.ts";
import { HttpRelay } from "./relay/http/http_relay.ts";
import { WebServer } from "./relay/http/web_server.ts";
import { RtmpRelay } from "./relay/rtmp/rtmp_relay.ts";
import { RtcMediaRelay } from "./relay/rtc/media_relay.ts";
import { Signaling } from "./relay/rtc/signaling.ts";
import { SrtRelay } from "./relay/srt/srt_relay.ts";
import { openStaticFiles } from "./api/static_files.ts";
import { pages } from "./console/pages.ts";
import { openRegistry } from "./app_registry.ts";
import { signature, version, versionNumbers } from "./version.ts";

const LOG = logger("app");
const LIVE_SESSIONS: LiveSessionsOptions = { capacity: 100_000 };

/** One of the program's listeners. */
export interface Listener {
  /** "RTMP", "HTTP server", "HTTP API", "System API", "WebRTC" or "SRT". */
  readonly name: string;
  readonly address: Address;
}

/** A running proxy. */
export class App implements AsyncDisposable {
  /** Everything it listens on, with the real ports. */
  readonly listeners: readonly Listener[];
  /** Rejects when a listener dies by itself. */
  readonly closed: Promise<void>;
  readonly #stack: AsyncDisposableStack;
  readonly #relays: readonly Relay[];
  readonly #state: State;

  private constructor(parts: Parts, stack: AsyncDisposableStack) {
    const { rtmp, httpServer, rtcMedia, srt, httpApi, system, state } = parts;
    this.#stack = stack;
    this.#relays = [rtmp, httpServer, rtcMedia, srt];
    this.#state = state;
    this.listeners = [
      { name: "RTMP", address: rtmp.address },
      { name: "HTTP server", address: httpServer.address },
      { name: "HTTP API", address: httpApi.address },
      { name: "System API", address: system.address },
      { name: "WebRTC", address: rtcMedia.address },
      { name: "SRT", address: srt.address },
    ];
    state.ownAddresses = this.listeners.map((listener) => listener.address);
    const all = [rtmp, httpServer, rtcMedia, srt, httpApi, system].map(({ closed }) => closed);
    this.closed = Promise.all(all).then(() => {});
    this.closed.catch(() => {});
  }

  /** @throws ProxyError `internal` when a port cannot be bound; nothing is left open then */
  static async open(config: Config): Promise<App> {
    await using stack = new AsyncDisposableStack();
    const parts = await openParts(config, stack);
    return new App(parts, stack.move());
  }

  /**
   * Says "not ready" and takes no new client and no new stream; what runs goes on. The APIs answer
   * to the end: WebRTC sessions that run are ended there.
   */
  drain(): void {
    if (this.#state.draining) return;
    this.#state.draining = true;
    for (const relay of this.#relays) relay.drain();
  }

  /**
   * Resolves when the last stream has ended.
   *
   * @param grace milliseconds after which the rest is ended in order
   */
  async finish(grace: number): Promise<void> {
    using _deadline = new Deadline(grace, () => this.#relays.forEach((relay) => relay.kill()));
    await Promise.all(this.#relays.map((relay) => relay.idle()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

interface State {
  draining: boolean;
  ownAddresses: readonly Address[];
}

type Relay = RtmpRelay | HttpRelay | RtcMediaRelay | SrtRelay;

interface Parts {
  readonly rtmp: RtmpRelay;
  readonly httpServer: HttpRelay;
  readonly rtcMedia: RtcMediaRelay;
  readonly srt: SrtRelay;
  readonly httpApi: WebServer;
  readonly system: HttpServer;
  readonly state: State;
}

async function openParts(config: Config, stack: AsyncDisposableStack): Promise<Parts> {
  const state: State = { draining: false, ownAddresses: [] };
  const metrics = new PrometheusMetrics();
  const registry = await openRegistry(config, metrics, stack);
  const about = { signature, version, numbers: versionNumbers, pid: String(Deno.pid) };
  const sessions = new LiveSessions(LIVE_SESSIONS);
  const relays: Relay[] = [];
  const system = systemApi({
    sessions: {
      list: (page) => sessions.list(page),
      kick: (session) => relays.some((relay) => relay.kick(session)),
    },
    directory: registry,
    metrics,
    expose: () => metrics.expose(),
    readiness: () => readinessOf(state, registry),
    about,
    addresses: {
      allow: config.register.allow,
      ownAddresses: () => state.ownAddresses,
      localIps: () => Deno.networkInterfaces().map(({ address }) => address),
    },
    token: config.register.token,
  });
  const { listen } = config;
  const surroundings: Surroundings = {
    config,
    registry,
    metrics,
    state,
    sessions,
    newSession: sessionIds(),
  };
  const rtmp = stack.use(openRtmp(surroundings));
  const rtcMedia = stack.use(await openRtcMedia(surroundings));
  const signaling = stack.use(openSignaling(surroundings, rtcMedia));
  const api = stack.use(openHttpApi(surroundings, about, signaling));
  const ports = { rtmpPort: rtmp.address.port, apiPort: api.address.port };
  const answerOther = await openPages(config, ports, about);
  const httpServer = stack.use(openHttpRelay(surroundings, answerOther));
  const srt = stack.use(await openSrt(surroundings));
  relays.push(rtmp, httpServer, rtcMedia, srt);
  return {
    rtmp,
    httpServer,
    rtcMedia,
    srt,
    system: stack.use(openSystem(listen.systemApi, (request) => system.fetch(request))),
    httpApi: api,
    state,
  };
}

/** What the relays have in common. */
interface Surroundings {
  readonly config: Config;
  readonly registry: Registry;
  readonly metrics: Metrics;
  readonly state: State;
  readonly sessions: LiveSessions;
  newSession(): string;
}

/** Ids that no other process and no other session of this one has. */
function sessionIds(): () => string {
  const prefix = crypto.randomUUID().slice(0, 8);
  let sessions = 0;
  return () => `${prefix}-${(++sessions).toString(36)}`;
}

/** What the HTTP server answers apart from media: its version, then files or the built-in pages. */
async function openPages(
  config: Config,
  ports: { readonly rtmpPort: number; readonly apiPort: number },
  about: About,
): Promise<(request: Request) => Promise<Response>> {
  const { staticFiles } = config;
  const serve = staticFiles === undefined ? pages(ports) : await openStaticFiles(staticFiles);
  const versions = versionsApp(about);
  return async (request) => {
    if (new URL(request.url).pathname.startsWith("/api/")) return versions.fetch(request);
    return await serve(request) ?? new Response("Not found\n", { status: 404 });
  };
}

function openHttpRelay(
  { config, registry, metrics, state, sessions, newSession }: Surroundings,
  answerOther: (request: Request) => Promise<Response>,
): HttpRelay {
  const { http, rtmp } = config;
  return HttpRelay.open({
    listen: config.listen.httpServer,
    maxConnections: rtmp.maxConnections,
    maxConnectionsPerAddress: rtmp.maxConnectionsPerAddress,
    headTimeout: http.headTimeout,
    keepAliveTimeout: http.keepAliveTimeout,
    timeouts: {
      dial: rtmp.dialTimeout,
      answer: rtmp.answerTimeout,
      idle: rtmp.idleTimeout,
      stall: http.stallTimeout,
    },
    trustedProxies: http.trustedProxies,
    corsOrigins: http.corsOrigins,
    resolver: registry,
    sessions,
    metrics,
    isDraining: () => state.draining,
    newSession,
    answerOther,
    onError: logError,
  });
}

function openRtmp(surroundings: Surroundings): RtmpRelay {
  const { config, registry, metrics, state, sessions, newSession } = surroundings;
  const { rtmp } = config;
  return RtmpRelay.open({
    listen: config.listen.rtmp,
    maxConnections: rtmp.maxConnections,
    maxConnectionsPerAddress: rtmp.maxConnectionsPerAddress,
    timeouts: {
      handshake: rtmp.handshakeTimeout,
      identify: rtmp.identifyTimeout,
      dial: rtmp.dialTimeout,
      answer: rtmp.answerTimeout,
      idle: rtmp.idleTimeout,
    },
    resolver: registry,
    sessions,
    metrics,
    isDraining: () => state.draining,
    newSession,
    onError: logError,
  });
}

async function openRtcMedia(surroundings: Surroundings): Promise<RtcMediaRelay> {
  const { config, registry, metrics, sessions, newSession } = surroundings;
  const { candidates: _, ...limits } = config.webrtc;
  const relay = await RtcMediaRelay.open({
    ...limits,
    listen: config.listen.webrtc,
    engine: config.udp.engine,
    resolver: registry,
    rtcSessions: registry,
    sessions,
    metrics,
    newSession,
    onError: logError,
  });
  logEngine("rtc", relay.engine);
  return relay;
}

async function openSrt(surroundings: Surroundings): Promise<SrtRelay> {
  const { config, registry, metrics, sessions, newSession } = surroundings;
  const relay = await SrtRelay.open({
    ...config.srt,
    listen: config.listen.srt,
    engine: config.udp.engine,
    resolver: registry,
    sessions,
    metrics,
    newSession,
    onError: logError,
  });
  logEngine("srt", relay.engine);
  return relay;
}

function logEngine(protocol: string, { kind, buffers }: RtcMediaRelay["engine"]): void {
  LOG.info("UDP engine", { protocol, engine: kind, ...buffers });
}

function openSignaling(surroundings: Surroundings, media: RtcMediaRelay): Signaling {
  const { config, registry, metrics, state, sessions, newSession } = surroundings;
  const { dialTimeout: dial, answerTimeout: answer } = config.rtmp;
  return Signaling.open({
    timeouts: { dial, answer, body: config.http.headTimeout },
    resolver: registry,
    rtcSessions: registry,
    media,
    sessions,
    metrics,
    trustedProxies: config.http.trustedProxies,
    candidates: config.webrtc.candidates,
    mediaPort: media.address.port,
    isDraining: () => state.draining,
    newSession,
    onError: logError,
  });
}

function openHttpApi(
  { config, metrics }: Surroundings,
  about: About,
  signaling: Signaling,
): WebServer {
  const { http, rtmp } = config;
  return WebServer.open({
    name: "HTTP API",
    listen: config.listen.httpApi,
    maxConnections: rtmp.maxConnections,
    maxConnectionsPerAddress: rtmp.maxConnectionsPerAddress,
    headTimeout: http.headTimeout,
    keepAliveTimeout: http.keepAliveTimeout,
    stallTimeout: http.stallTimeout,
    handle: httpApi({
      about,
      token: config.apiAuth?.token,
      corsOrigins: http.corsOrigins,
      signal: (request, peer) => signaling.handle(request, peer),
    }),
    onRefused: (reason) => metrics.count("srs_proxy_api_refused_total", { reason }),
    onError: logError,
  });
}

function openSystem(listen: Config["listen"]["systemApi"], handler: HttpHandler): HttpServer {
  return HttpServer.open({ name: "System API", listen, handler, onError: logError });
}

/** A proxy that cannot reach the others serves clients all the same. */
function readinessOf({ draining }: State, { trouble }: Registry): Readiness {
  if (draining) return { ready: false, status: "draining" };
  if (trouble === undefined) return { ready: true, status: "ready" };
  return { ready: true, status: "degraded", reason: trouble };
}

function logError(error: unknown): void {
  LOG.error("Unexpected error", { error });
}
