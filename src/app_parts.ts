// Opens the parts of the program, each with what it needs of the configuration and of the others. A part
// of app.ts, which is the one place that knows everything. Sections of the configuration are handed on
// as they are, not copied: app.ts changes them in place.

import { AddressPolicy } from "./api/address_policy.ts";
import { probeOrigin } from "./app_probe.ts";
import { httpApi } from "./api/http_api.ts";
import { LoopGuard } from "./api/loop_guard.ts";
import type { PrometheusMetrics } from "./api/metrics.ts";
import { LiveSessions, type LiveSessionsOptions } from "./api/session_log.ts";
import { openStaticFiles } from "./api/static_files.ts";
import { type Readiness, systemApi } from "./api/system_api.ts";
import { type About, versionsApp } from "./api/versions.ts";
import { openMetrics, refreshMetrics } from "./app_metrics.ts";
import { type OpenRegistry, openRegistry } from "./app_registry.ts";
import { type Config, isSameAddress } from "./config.ts";
import { pages } from "./console/pages.ts";
import { HopMark } from "./core/hop_mark.ts";
import { normalizeIp } from "./core/endpoint.ts";
import { logger } from "./core/log.ts";
import { MemoryBudget } from "./core/memory_budget.ts";
import type { RelaySessions } from "./core/ports.ts";
import type { BoundAddress, ProxyPlace } from "./core/fleet.ts";
import { HttpServer } from "./net/http_server.ts";
import { NameLookup } from "./net/name_lookup.ts";
import { giveSpareMemoryBack } from "./net/spare_memory.ts";
import { NamedOrigins, OriginNames } from "./registry/named_origins.ts";
import type { Registry } from "./registry/registry.ts";
import type { SessionControl } from "./registry/running_sessions.ts";
import { HttpRelay } from "./relay/http/http_relay.ts";
import { WebHandler, type WebHandlerOptions, WebServer } from "./relay/http/web_server.ts";
import { isProxyAtHttp } from "./relay/http_origin/proxy_probe.ts";
import { RtcMediaRelay } from "./relay/rtc/media_relay.ts";
import { Signaling } from "./relay/rtc/signaling.ts";
import { isProxyAtRtmp } from "./relay/rtmp/proxy_probe.ts";
import { RtmpRelay } from "./relay/rtmp/rtmp_relay.ts";
import { SrtRelay } from "./relay/srt/srt_relay.ts";
import { signature, version, versionNumbers } from "./version.ts";

const LOG = logger("app");
const LIVE_SESSIONS: LiveSessionsOptions = { capacity: 100_000 };
/** What registers waits so long for the answer to what it is, milliseconds. */
const PROBE_TIMEOUT = 1_000;
const ABOUT: About = { signature, version, numbers: versionNumbers, pid: String(Deno.pid) };

/** Where the log goes, as far as it is measured. */
export interface LogOutput {
  /** Lines that were lost so far because nobody took them in time. */
  readonly lost: number;
}

/** What all parts may look at, and app.ts changes. */
export interface State {
  draining: boolean;
  ownAddresses: readonly BoundAddress[];
}

/** What has clients and streams. */
export type Relay = RtmpRelay | HttpRelay | RtcMediaRelay | SrtRelay;

/** Where the HTTP API is, on a port of its own or not. */
export type ApiPort = Pick<WebServer, "address" | "closed" | "stop">;

/** Everything that is open. */
export interface Parts {
  readonly rtmp: RtmpRelay;
  readonly httpServer: HttpRelay;
  readonly rtcMedia: RtcMediaRelay;
  readonly srt: SrtRelay;
  readonly httpApi: ApiPort;
  readonly system: HttpServer;
  readonly registry: Registry;
  readonly redisAccess?: NonNullable<OpenRegistry["access"]>;
  readonly sessions: LiveSessions;
  readonly state: State;
}

/** What the parts have in common. */
interface Surroundings {
  readonly config: Config;
  readonly registry: Registry;
  /** The registry as the relays see it: without host names. */
  readonly resolver: NamedOrigins;
  readonly names: OriginNames;
  readonly addresses: AddressPolicy;
  readonly metrics: PrometheusMetrics;
  readonly log: LogOutput;
  readonly state: State;
  readonly sessions: LiveSessions;
  readonly hopMark: HopMark;
  readonly identifyMemory: MemoryBudget;
  newSession(): string;
}

/**
 * Opens everything and puts it on the stack.
 *
 * @throws ProxyError `internal` when a port cannot be bound
 */
export async function openParts(
  config: Config,
  log: LogOutput,
  stack: AsyncDisposableStack,
): Promise<Parts> {
  const state: State = { draining: false, ownAddresses: [] };
  const metrics = openMetrics(stack);
  stack.use(giveSpareMemoryBack());
  const relays: Relay[] = [];
  const addresses = addressPolicy(config, state, () => opened.registry.otherProxies);
  const lookup = new NameLookup();
  const names = new OriginNames(async (name) => {
    return addresses.usable(name, await lookup.addressesOf(name));
  });
  const opened = await openRegistry(config, stack, {
    metrics,
    sessions: controlOf(relays),
    probe: async (origin) => await probeOrigin(await names.resolved(origin)),
  });
  const { registry, access } = opened;
  const sessions = new LiveSessions(LIVE_SESSIONS);
  const surroundings: Surroundings = {
    ...{ config, registry, metrics, log, state, sessions, addresses, names },
    hopMark: new HopMark(),
    resolver: new NamedOrigins(registry, names),
    identifyMemory: new MemoryBudget(config.identifyMemory),
    newSession: sessionIds(),
  };
  const system = systemHandler(surroundings, relays);
  const rtmp = stack.use(openRtmp(surroundings));
  const rtcMedia = stack.use(await openRtcMedia(surroundings));
  const signaling = stack.use(openSignaling(surroundings, rtcMedia));
  const { httpServer, httpApi } = await openHttp(surroundings, signaling, {
    ...{ stack, rtmpPort: rtmp.address.port },
  });
  const srt = stack.use(await openSrt(surroundings));
  relays.push(rtmp, httpServer, rtcMedia, srt);
  const { systemApi: listen, reusePort } = config.listen;
  return {
    ...{ rtmp, httpServer, rtcMedia, srt, registry, sessions, state },
    ...(access === undefined ? {} : { redisAccess: access }),
    httpApi,
    system: stack.use(HttpServer.open({
      name: "System API",
      listen,
      reusePort,
      handler: (request, { remoteAddr: { hostname: host, port } }) =>
        system.fetch(request, { peer: { host: normalizeIp(host) ?? host, port } }),
      onError: logError,
    })),
  };
}

/** The sessions of all relays, those that are opened later among them. */
function controlOf(relays: readonly RelaySessions[]): SessionControl {
  return {
    received: (session) => {
      for (const relay of relays) {
        const bytes = relay.received(session);
        if (bytes !== undefined) return bytes;
      }
      return undefined;
    },
    end: (session, reason) => void relays.some((relay) => relay.endSession(session, reason)),
  };
}

/** Ids that no other process and no other session of this one has. */
function sessionIds(): () => string {
  const prefix = crypto.randomUUID().slice(0, 8);
  let sessions = 0;
  return () => `${prefix}-${(++sessions).toString(36)}`;
}

function systemHandler(
  { config, registry, metrics, log, state, sessions, addresses, names }: Surroundings,
  relays: readonly Relay[],
) {
  const guard = new LoopGuard({
    rtmp: (address) => isProxyAtRtmp(address, PROBE_TIMEOUT),
    http: (address) => isProxyAtHttp(address, signature, PROBE_TIMEOUT),
  });
  let linesLost = 0;
  return systemApi({
    isProxy: (origin) => guard.isProxy(origin),
    sessions: {
      list: (page) => sessions.list(page),
      kick: (session) => relays.some((relay) => relay.endSession(session, "kicked")),
    },
    directory: registry,
    metrics,
    expose: async () => {
      metrics.count("srs_proxy_log_lines_lost_total", {}, log.lost - linesLost);
      linesLost = log.lost;
      await refreshMetrics(metrics, registry, state.draining);
      return await metrics.expose();
    },
    readiness: () => readinessOf(state, registry),
    about: ABOUT,
    addresses,
    resolved: (origin) => names.resolved(origin),
    access: config.register,
  });
}

/** The addresses of this machine. */
export function localIps(): string[] {
  return Deno.networkInterfaces().map(({ address }) => address);
}

function addressPolicy(
  { register }: Config,
  state: State,
  otherProxies: () => readonly ProxyPlace[],
): AddressPolicy {
  return new AddressPolicy({
    allow: register.allow,
    allowNames: register.allowNames,
    ownAddresses: () => state.ownAddresses,
    otherProxies,
    localIps,
  });
}

/** What the HTTP server answers apart from media: its version, then files or the built-in pages. */
async function openPages(
  { staticFiles }: Config,
  rtmpPort: number,
  apiPort: number,
): Promise<(request: Request) => Promise<Response>> {
  const serve = staticFiles === undefined
    ? pages({ rtmpPort, apiPort })
    : await openStaticFiles(staticFiles);
  const versions = versionsApp(ABOUT);
  return async (request) => {
    if (new URL(request.url).pathname.startsWith("/api/")) return versions.fetch(request);
    return await serve(request) ?? new Response("Not found\n", { status: 404 });
  };
}

/** The HTTP server and the HTTP API, on two ports or, as with SRS, on one. */
async function openHttp(
  surroundings: Surroundings,
  signaling: Signaling,
  { stack, rtmpPort }: { readonly stack: AsyncDisposableStack; readonly rtmpPort: number },
): Promise<{ httpServer: HttpRelay; httpApi: ApiPort }> {
  const { config, identifyMemory } = surroundings;
  const { httpServer: listen, httpApi: apiListen, reusePort } = config.listen;
  const api = apiOptions(surroundings, signaling);
  if (isSameAddress(listen, apiListen)) {
    const handler = stack.use(new WebHandler(api));
    const answerOther = await openPages(config, rtmpPort, apiListen.port);
    const httpServer = stack.use(openHttpRelay(surroundings, answerOther, handler));
    return { httpServer, httpApi: httpServer };
  }
  const { limits } = config;
  const name = "HTTP API";
  const port = { name, listen: apiListen, reusePort };
  const httpApi = stack.use(WebServer.open({ ...api, ...port, limits, identifyMemory }));
  const answerOther = await openPages(config, rtmpPort, httpApi.address.port);
  return { httpServer: stack.use(openHttpRelay(surroundings, answerOther)), httpApi };
}

function openHttpRelay(
  surroundings: Surroundings,
  answerOther: (request: Request) => Promise<Response>,
  api?: WebHandler,
): HttpRelay {
  const { config, registry, resolver, metrics, state, sessions } = surroundings;
  const { identifyMemory, hopMark, names, newSession } = surroundings;
  const { listen, limits, timeouts, http } = config;
  return HttpRelay.open({
    ...{ limits, timeouts, identifyMemory, sessions, metrics, hopMark, newSession, answerOther },
    ...(api === undefined ? {} : { api }),
    listen: listen.httpServer,
    reusePort: listen.reusePort,
    trustedProxies: http.trustedProxies,
    hlsPaths: http.hlsPaths,
    origins: async () => {
      const known = await registry.origins();
      return await Promise.all(known.map(async (status) => {
        return { ...status, origin: await names.resolved(status.origin) };
      }));
    },
    looksForFiles: () => http.originFiles,
    corsOrigins: http.corsOrigins,
    resolver,
    isDraining: () => state.draining,
    onError: logError,
  });
}

function openRtmp(surroundings: Surroundings): RtmpRelay {
  const { config, resolver, metrics, state, sessions, identifyMemory, newSession } = surroundings;
  const { listen, limits, timeouts } = config;
  return RtmpRelay.open({
    ...{ limits, timeouts, identifyMemory, sessions, metrics, newSession },
    listen: listen.rtmp,
    reusePort: listen.reusePort,
    resolver,
    isDraining: () => state.draining,
    onError: logError,
  });
}

async function openRtcMedia(surroundings: Surroundings): Promise<RtcMediaRelay> {
  const { config, registry, resolver, metrics, sessions, newSession } = surroundings;
  const { candidates: _, ...limits } = config.webrtc;
  const relay = await RtcMediaRelay.open({
    ...limits,
    ...{ sessions, metrics, newSession },
    listen: config.listen.webrtc,
    reusePort: config.listen.reusePort,
    handsOver: config.listen.reusePort && config.registry.type === "redis",
    engine: config.udp.engine,
    resolver,
    rtcSessions: registry,
    onError: logError,
  });
  logEngine("rtc", relay.engine);
  return relay;
}

async function openSrt(surroundings: Surroundings): Promise<SrtRelay> {
  const { config, resolver, metrics, sessions, newSession } = surroundings;
  const relay = await SrtRelay.open({
    ...config.srt,
    ...{ sessions, metrics, newSession },
    listen: config.listen.srt,
    reusePort: config.listen.reusePort,
    leavesPort: config.listen.reusePort && config.registry.type === "redis",
    engine: config.udp.engine,
    resolver,
    onError: logError,
  });
  logEngine("srt", relay.engine);
  return relay;
}

function logEngine(protocol: string, { kind, buffers }: RtcMediaRelay["engine"]): void {
  LOG.info("UDP engine", { protocol, engine: kind, ...buffers });
}

function openSignaling(surroundings: Surroundings, media: RtcMediaRelay): Signaling {
  const { config, registry, resolver, metrics, state, sessions, hopMark, newSession } =
    surroundings;
  return Signaling.open({
    ...{ media, sessions, metrics, hopMark, newSession },
    timeouts: config.timeouts,
    resolver,
    rtcSessions: registry,
    trustedProxies: config.http.trustedProxies,
    candidates: config.webrtc.candidates,
    mediaPort: media.address.port,
    isDraining: () => state.draining,
    onError: logError,
  });
}

function apiOptions({ config, metrics }: Surroundings, signaling: Signaling): WebHandlerOptions {
  const { timeouts, http, apiAuth } = config;
  return {
    timeouts,
    handle: httpApi({
      about: ABOUT,
      access: apiAuth,
      corsOrigins: http.corsOrigins,
      signal: (request, peer) => signaling.handle(request, peer),
    }),
    onRefused: (reason) => metrics.count("srs_proxy_api_refused_total", { reason }),
    onError: logError,
  };
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
