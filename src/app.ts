// The whole program put together: the one place that knows every part. Opens them in order, drains
// and ends them together. Knows no signals and no exit codes; main.ts has those.

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
import { RtmpRelay } from "./relay/rtmp/rtmp_relay.ts";
import { openStaticFiles } from "./api/static_files.ts";
import { pages } from "./console/pages.ts";
import { openRegistry } from "./app_registry.ts";
import { signature, version, versionNumbers } from "./version.ts";

const LOG = logger("app");
const LIVE_SESSIONS: LiveSessionsOptions = { capacity: 100_000 };

/** One of the program's listeners. */
export interface Listener {
  /** "RTMP", "HTTP server", "HTTP API" or "System API". */
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
  readonly #relays: readonly (RtmpRelay | HttpRelay)[];
  readonly #httpApi: HttpServer;
  readonly #state: State;

  private constructor(parts: Parts, stack: AsyncDisposableStack) {
    const { rtmp, httpServer, httpApi, system, state } = parts;
    this.#stack = stack;
    this.#relays = [rtmp, httpServer];
    this.#httpApi = httpApi;
    this.#state = state;
    this.listeners = [
      { name: "RTMP", address: rtmp.address },
      { name: "HTTP server", address: httpServer.address },
      { name: "HTTP API", address: httpApi.address },
      { name: "System API", address: system.address },
    ];
    state.ownAddresses = this.listeners.map((listener) => listener.address);
    const all = [rtmp.closed, httpServer.closed, httpApi.closed, system.closed];
    this.closed = Promise.all(all).then(() => {});
    this.closed.catch(() => {});
  }

  /** @throws ProxyError `internal` when a port cannot be bound; nothing is left open then */
  static async open(config: Config): Promise<App> {
    await using stack = new AsyncDisposableStack();
    const parts = await openParts(config, stack);
    return new App(parts, stack.move());
  }

  /** Says "not ready" and takes no new client and no new stream; what runs goes on. */
  drain(): void {
    if (this.#state.draining) return;
    this.#state.draining = true;
    for (const relay of this.#relays) relay.drain();
    this.#httpApi.stop();
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

interface Parts {
  readonly rtmp: RtmpRelay;
  readonly httpServer: HttpRelay;
  readonly httpApi: HttpServer;
  readonly system: HttpServer;
  readonly state: State;
}

async function openParts(config: Config, stack: AsyncDisposableStack): Promise<Parts> {
  const state: State = { draining: false, ownAddresses: [] };
  const metrics = new PrometheusMetrics();
  const registry = await openRegistry(config, metrics, stack);
  const about = { signature, version, numbers: versionNumbers, pid: String(Deno.pid) };
  const openHttp = (name: string, listen: Config["listen"]["httpApi"], handler: HttpHandler) =>
    stack.use(HttpServer.open({ name, listen, handler, onError: logError }));
  const sessions = new LiveSessions(LIVE_SESSIONS);
  const relays: (RtmpRelay | HttpRelay)[] = [];
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
  const answerOther = await openPages(config, rtmp.address.port, about);
  const httpServer = stack.use(openHttpRelay(surroundings, answerOther));
  relays.push(rtmp, httpServer);
  return {
    rtmp,
    httpServer,
    system: openHttp("System API", listen.systemApi, (request) => system.fetch(request)),
    httpApi: openHttp("HTTP API", listen.httpApi, versionsApp(about).fetch),
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
  rtmpPort: number,
  about: About,
): Promise<(request: Request) => Promise<Response>> {
  const { staticFiles } = config;
  const serve = staticFiles === undefined
    ? pages({ rtmpPort })
    : await openStaticFiles(staticFiles);
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

/** A proxy that cannot reach the others serves clients all the same. */
function readinessOf({ draining }: State, { trouble }: Registry): Readiness {
  if (draining) return { ready: false, status: "draining" };
  if (trouble === undefined) return { ready: true, status: "ready" };
  return { ready: true, status: "degraded", reason: trouble };
}

function logError(error: unknown): void {
  LOG.error("Unexpected error", { error });
}
