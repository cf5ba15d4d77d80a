// Opens the parts of the program, each with what it needs of the configuration and of the others. A part
// of app.ts, which is the one place that knows everything. Sections of the configuration are handed on
// as they are, not copied: app.ts changes them in place.

import { AddressPolicy } from "../api/address_policy.ts";
import { probeOrigin } from "./probe.ts";
import { LoopGuard } from "../api/loop_guard.ts";
import { LiveSessions, type LiveSessionsOptions } from "../api/session_log.ts";
import { type Readiness, systemApi } from "../api/system_api.ts";
import { openMetrics, refreshMetrics } from "./metrics.ts";
import { type ApiPort, openHttp } from "./http.ts";
import { type OpenRegistry, openRegistry } from "./registry.ts";
import { ABOUT, logError, type LogOutput, type State, type Surroundings } from "./surroundings.ts";
import type { Config } from "../config/config.ts";
import { systemClock } from "../core/clock.ts";
import { HopMark } from "../core/hop_mark.ts";
import { addressGroup } from "../core/address_group.ts";
import { logger } from "../core/log.ts";
import { MemoryBudget } from "../core/memory_budget.ts";
import type { RelaySessions } from "../core/ports.ts";
import type { ProxyPlace } from "../core/fleet.ts";
import { NameLookup } from "../net/name_lookup.ts";
import { giveSpareMemoryBack } from "../net/spare_memory.ts";
import { NamedOrigins, OriginNames } from "../registry/named_origins.ts";
import type { Registry } from "../registry/registry.ts";
import type { SessionControl } from "../registry/running_sessions.ts";
import type { HttpRelay } from "../relay/http/http_relay.ts";
import { WebServer } from "../http1/web_server.ts";
import { isProxyAtHttp } from "../http1/proxy_probe.ts";
import { RtcMediaRelay } from "../relay/rtc/media_relay.ts";
import { Signaling } from "../relay/rtc/signaling.ts";
import { isProxyAtRtmp } from "../relay/rtmp/proxy_probe.ts";
import { RtmpRelay } from "../relay/rtmp/rtmp_relay.ts";
import { SrtRelay } from "../relay/srt/srt_relay.ts";
import { signature } from "../core/version.ts";

const LOG = logger("app");
const LIVE_SESSIONS: LiveSessionsOptions = { capacity: 100_000 };
/** What registers waits so long for the answer to what it is, milliseconds. */
const PROBE_TIMEOUT = 1_000;
/** What has clients and streams. */
export type Relay = RtmpRelay | HttpRelay | RtcMediaRelay | SrtRelay;

/** Everything that is open. */
export interface Parts {
  readonly rtmp: RtmpRelay;
  readonly httpServer: HttpRelay;
  readonly rtcMedia: RtcMediaRelay;
  readonly srt: SrtRelay;
  readonly httpApi: ApiPort;
  readonly system: WebServer;
  readonly registry: Registry;
  readonly redisAccess?: NonNullable<OpenRegistry["access"]>;
  readonly sessions: LiveSessions;
  readonly state: State;
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
  const srt = stack.use(await openSrt(surroundings));
  const ports = { rtmp: rtmp.address.port, srt: srt.address.port };
  const { httpServer, httpApi } = await openHttp(surroundings, signaling, { stack, ports });
  relays.push(rtmp, httpServer, rtcMedia, srt);
  return {
    ...{ rtmp, httpServer, rtcMedia, srt, registry, sessions, state },
    ...(access === undefined ? {} : { redisAccess: access }),
    httpApi,
    system: stack.use(openSystem(surroundings, system)),
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

/** What public ports have used up keeps no heartbeat out: the System API has memory of its own. */
function openSystem(
  { config, metrics }: Surroundings,
  app: ReturnType<typeof systemHandler>,
): WebServer {
  const { listen, limits, timeouts } = config;
  const identifyMemory = new MemoryBudget(config.identifyMemory);
  return WebServer.open({
    ...{ limits, timeouts, identifyMemory },
    name: "System API",
    listen: listen.systemApi,
    reusePort: listen.reusePort,
    handle: async (request, peer) => {
      using memory = identifyMemory.open(addressGroup(peer.host));
      return await app.fetch(request, { peer, memory });
    },
    onRefused: (reason) => metrics.count("srs_proxy_system_refused_total", { reason }),
    onError: logError,
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
    clock: systemClock,
    ...{ sessions, metrics, newSession },
    listen: config.listen.webrtc,
    reusePort: config.listen.reusePort,
    leavesPort: config.listen.reusePort && config.registry.type === "redis",
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
    clock: systemClock,
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
  const { config, registry, resolver, metrics, state, sessions } = surroundings;
  const { identifyMemory, hopMark, newSession } = surroundings;
  return Signaling.open({
    ...{ media, sessions, metrics, identifyMemory, hopMark, newSession },
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

/** A proxy that cannot reach the others serves clients all the same. */
function readinessOf({ draining }: State, { trouble }: Registry): Readiness {
  if (draining) return { ready: false, status: "draining" };
  if (trouble === undefined) return { ready: true, status: "ready" };
  return { ready: true, status: "degraded", reason: trouble };
}
