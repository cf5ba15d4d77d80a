// The whole program put together: the one place that knows every part. Opens them in order, drains
// and ends them together. Knows no signals and no exit codes; main.ts has those.

import { LiveSessions, type LiveSessionsOptions } from "./api/session_log.ts";
import { PrometheusMetrics } from "./api/metrics.ts";
import { systemApi } from "./api/system_api.ts";
import { versionsApp } from "./api/versions.ts";
import type { Config, DefaultBackend } from "./config.ts";
import { logger } from "./core/log.ts";
import type { Address, Origin } from "./core/origin.ts";
import type { Metrics } from "./core/ports.ts";
import { Deadline } from "./net/deadline.ts";
import { type HttpHandler, HttpServer } from "./net/http_server.ts";
import { MemoryStore } from "./registry/memory_store.ts";
import { Registry } from "./registry/registry.ts";
import { RtmpRelay } from "./relay/rtmp/rtmp_relay.ts";
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
  readonly #rtmp: RtmpRelay;
  readonly #frontServers: readonly HttpServer[];
  readonly #state: State;

  private constructor(parts: Parts, stack: AsyncDisposableStack) {
    const { rtmp, httpServer, httpApi, system, state } = parts;
    this.#stack = stack;
    this.#rtmp = rtmp;
    this.#frontServers = [httpServer, httpApi];
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
    this.#rtmp.drain();
    for (const server of this.#frontServers) server.stop();
  }

  /**
   * Resolves when the last stream has ended.
   *
   * @param grace milliseconds after which the rest is ended in order
   */
  async finish(grace: number): Promise<void> {
    using _deadline = new Deadline(grace, () => this.#rtmp.kill());
    await this.#rtmp.idle();
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
  readonly httpServer: HttpServer;
  readonly httpApi: HttpServer;
  readonly system: HttpServer;
  readonly state: State;
}

async function openParts(config: Config, stack: AsyncDisposableStack): Promise<Parts> {
  const state: State = { draining: false, ownAddresses: [] };
  const metrics = new PrometheusMetrics();
  const registry = stack.use(await openRegistry(config, metrics));
  const about = { signature, version, numbers: versionNumbers, pid: String(Deno.pid) };
  const openHttp = (name: string, listen: Config["listen"]["httpApi"], handler: HttpHandler) =>
    stack.use(HttpServer.open({ name, listen, handler, onError: logError }));
  const system = systemApi({
    directory: registry,
    metrics,
    expose: () => metrics.expose(),
    readiness: () => ({ ready: !state.draining, status: state.draining ? "draining" : "ready" }),
    about,
    addresses: {
      allow: config.register.allow,
      ownAddresses: () => state.ownAddresses,
      localIps: () => Deno.networkInterfaces().map(({ address }) => address),
    },
    token: config.register.token,
  });
  const { listen } = config;
  return {
    system: openHttp("System API", listen.systemApi, (request) => system.fetch(request)),
    httpApi: openHttp("HTTP API", listen.httpApi, versionsApp(about).fetch),
    httpServer: openHttp("HTTP server", listen.httpServer, versionsApp(about).fetch),
    rtmp: stack.use(openRtmp(config, registry, metrics, state)),
    state,
  };
}

function openRegistry(config: Config, metrics: Metrics): Promise<Registry> {
  const { maxOrigins, maxStreams, originTtl, streamIdle } = config.registry;
  const store = new MemoryStore({ maxOrigins, maxStreams });
  const permanent = config.defaultBackend ? [defaultOrigin(config.defaultBackend)] : [];
  return Registry.open({ store, metrics, originTtl, streamIdle, permanent });
}

function openRtmp(config: Config, resolver: Registry, metrics: Metrics, state: State): RtmpRelay {
  const { rtmp } = config;
  const prefix = crypto.randomUUID().slice(0, 8);
  let sessions = 0;
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
    resolver,
    sessions: new LiveSessions(LIVE_SESSIONS),
    metrics,
    isDraining: () => state.draining,
    newSession: () => `${prefix}-${(++sessions).toString(36)}`,
    onError: logError,
  });
}

function defaultOrigin({ ip, ...ports }: DefaultBackend): Origin {
  const at = (port: number | undefined) => port === undefined ? [] : [{ host: ip, port }];
  const { rtmp, http, api, rtc, srt } = ports;
  return {
    id: "default-backend",
    generation: "",
    deviceId: "",
    ip,
    endpoints: { rtmp: at(rtmp), http: at(http), api: at(api), rtc: at(rtc), srt: at(srt) },
  };
}

function logError(error: unknown): void {
  LOG.error("Unexpected error", { error });
}
