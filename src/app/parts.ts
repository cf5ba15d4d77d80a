// Opens the parts of the program, each with what it needs of the configuration and of the others. A part
// of app.ts.

import { AddressPolicy } from "../api/address_policy.ts";
import { openConsole, openHistory } from "./console.ts";
import { openSystem } from "./system.ts";
import { openManagement } from "./management.ts";
import { checkOrigin, probeOrigin, probeTimeout } from "./probe.ts";
import type { Lanes, LanesRelay } from "../lane/lanes.ts";
import { laneTally } from "../lane/lane_columns.ts";
import { SharedTally } from "../lane/shared_tally.ts";
import { laneCount, openLanes } from "./lanes.ts";
import { LocalAddresses } from "./local_addresses.ts";
import { Webhook } from "../api/webhook.ts";
import { ChangeWatch } from "../api/change_watch.ts";
import { FleetTallies } from "../api/fleet_tallies.ts";
import { EventFeed } from "../api/event_feed.ts";
import { LiveSessions } from "../api/session_log.ts";
import { SessionTallies } from "../api/session_tallies.ts";
import { openMetrics } from "./metrics.ts";
import {
  type ApiPort,
  hasOwnApiPort,
  openHttp,
  type OtherAnswers,
  resolvedOrigins,
} from "./http.ts";
import { openRegistry, readTlsFiles } from "./registry.ts";
import { liveOptions, logError, type LogOutput, type State } from "./surroundings.ts";
import type { Surroundings } from "./surroundings.ts";
import type { Config } from "../config/config.ts";
import { CoarseClock } from "../core/coarse_clock.ts";
import type { Clock } from "../core/clock.ts";
import { HopMark } from "../core/hop_mark.ts";
import { logger } from "../core/log.ts";
import { MemoryBudget } from "../core/memory_budget.ts";
import type { RelaySessions } from "../core/contracts.ts";
import type { ProxyPlace } from "../core/fleet.ts";
import { DenoTcpEngine } from "../net/deno/tcp_engine.ts";
import { logTlsFailure, OriginTrust } from "./origin_trust.ts";
import { Certificates } from "./tls.ts";
import type { TlsKeys } from "../net/tls/tls_keys.ts";
import { originEngine } from "../net/origin_engine.ts";
import { NameLookup } from "../net/name_lookup.ts";
import { giveSpareMemoryBack } from "../net/spare_memory.ts";
import { NamedOrigins, OriginNames } from "../registry/named_origins.ts";
import type { Registry } from "../registry/registry.ts";
import type { SessionControl } from "../registry/running_sessions.ts";
import type { HttpRelay } from "../relay/http/http_relay.ts";
import type { WebServer } from "../http1/web_server.ts";
import { RtcMediaRelay } from "../relay/rtc/media_relay.ts";
import { Signaling } from "../relay/rtc/signaling.ts";
import { SrtRelay } from "../relay/srt/srt_relay.ts";

const LOG = logger("app");
/** Milliseconds by which deadlines of connections may be late. */
const DEADLINE_GRAIN = 50;
const LIVE_SESSIONS = 100_000;
export type Relay = LanesRelay | HttpRelay | RtcMediaRelay | SrtRelay;

export interface Parts {
  readonly lanes: Lanes;
  readonly rtmp: LanesRelay;
  readonly httpServer: LanesRelay | HttpRelay;
  readonly rtcMedia: RtcMediaRelay;
  readonly srt: SrtRelay;
  readonly httpApi: ApiPort;
  readonly system: WebServer;
  readonly registry: Registry;
  readonly localAddresses: LocalAddresses;
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
  { log, clock }: { readonly log: LogOutput; readonly clock: Clock },
  stack: AsyncDisposableStack,
): Promise<Parts> {
  const { type } = config.registry;
  const { access } = config.redis;
  const redisAccess = type === "redis" ? await readTlsFiles(access) : access;
  const metrics = openMetrics(stack, clock);
  let trust = (_authorities: string | undefined) => {};
  const originTrust = stack.use(
    await OriginTrust.open(config.tls.originAuthorities, {
      ...{ clock, metrics },
      onExchange: (authorities) => trust(authorities),
    }),
  );
  const state: State = {
    ...{ config, redisAccess, draining: false, ownAddresses: [] },
    ...{ certificates: undefined, originTrust },
  };
  const sockets = new DenoTcpEngine(new CoarseClock(clock, DEADLINE_GRAIN));
  const engine = originEngine(sockets, {
    header: () => state.config.originHeader,
    client: originTrust.client,
    onFailed: (failure) => {
      metrics.count("srs_proxy_origin_tls_failures_total");
      logTlsFailure(failure);
    },
  });
  stack.use(giveSpareMemoryBack(clock));
  let certify = (_keys: TlsKeys) => {};
  state.certificates = await Certificates.open(config.tls, {
    ...{ clock, metrics },
    onExchange: (keys) => certify(keys),
  });
  if (state.certificates) stack.use(state.certificates);
  const relays: Relay[] = [];
  const localAddresses = new LocalAddresses(clock);
  const addresses = addressPolicy(state, {
    ...{ localAddresses },
    otherProxies: () => registry.otherProxies,
  });
  const lookup = new NameLookup(clock);
  const names = new OriginNames(async (name) => {
    return addresses.usable(name, await lookup.addressesOf(name));
  });
  const registry = await openRegistry(state, stack, {
    ...{ clock, metrics },
    sessions: controlOf(relays),
    probe: async (origin) => {
      return await probeOrigin(engine, await names.resolved(origin), probeTimeout(state));
    },
    check: async (origin) => {
      return await checkOrigin(engine, await names.resolved(origin), probeTimeout(state));
    },
  });
  const events = new EventFeed({
    onDropped: (count) => metrics.count("srs_proxy_events_dropped_total", {}, count),
  });
  const sessions = new LiveSessions({ capacity: LIVE_SESSIONS, clock, events });
  const isWanted = () => events.listeners > 0;
  stack.use(new ChangeWatch({ clock, registrar: registry, events, isWanted }));
  const { operations } = registry;
  const tallies = stack.use(
    new FleetTallies({
      own: () => new SessionTallies(sessions.all(), (stream) => registry.placed(stream)),
      tell: (counts) => operations.tellSessions(counts),
      others: () => operations.otherSessions(),
      ...{ clock, onError: logError },
    }),
  );
  openWebhook(config, { events, clock, metrics }, stack);
  const identifyTally = laneTally(laneCount(config));
  const common = { clock, engine, state, registry, metrics, names, hopMark: new HopMark() };
  const live = liveOptions(state);
  const surroundings: Surroundings = {
    ...{ ...common, ...live, log, sessions, events, tallies, addresses },
    ...openManagement({ ...common, ...live }, stack),
    reusePort: config.listen.reusePort,
    rtcSessions: registry,
    resolver: new NamedOrigins(registry, names),
    identifyTally,
    identifyMemory: new MemoryBudget(
      () => state.config.identifyMemory,
      new SharedTally(identifyTally, 0),
    ),
    newSession: sessionIds(),
    onError: logError,
  };
  const unready = () => Promise.resolve(new Response(null, { status: 503 }));
  const other: OtherAnswers = { answer: unready, signal: unready };
  const lanes = stack.use(
    await openLanes(surroundings, {
      servesHttp: hasOwnApiPort(config),
      idPrefix: sessionPrefix(),
      origins: () => resolvedOrigins(surroundings),
      answerOther: (request) => other.answer(request),
      signal: (request, peer) => other.signal(request, peer),
    }),
  );
  const rtcMedia = stack.use(await openRtcMedia(surroundings, lanes));
  const signaling = stack.use(openSignaling(surroundings, rtcMedia, lanes));
  const srt = stack.use(await openSrt(surroundings, lanes));
  const srtPort = srt.address.port;
  const parts = { stack, lanes, other, srtPort };
  const { httpServer, httpApi } = await openHttp(surroundings, signaling, parts);
  const { rtmp } = lanes;
  certify = (keys) => lanes.certify(keys);
  trust = (authorities) => lanes.trust(authorities);
  relays.push(rtmp, httpServer, rtcMedia, srt);
  const history = stack.use(openHistory(surroundings, lanes));
  const showConsole = openConsole(httpServer);
  return {
    ...{ lanes, rtmp, httpServer, rtcMedia, srt, registry, sessions, state },
    localAddresses,
    httpApi,
    system: stack.use(openSystem(surroundings, { relays, lanes, history, showConsole })),
  };
}

/** The sessions of all relays, including those opened later. */
function controlOf(relays: readonly RelaySessions[]): SessionControl {
  return {
    received: async (sessions) => {
      if (sessions.length === 0) return new Map();
      const received = await Promise.all(relays.map((relay) => relay.received(sessions)));
      return new Map(received.flatMap((some) => [...some]));
    },
    end: (session, reason) => void relays.some((relay) => relay.endSession(session, reason)),
  };
}

/** Prefix of the session ids of one thread. */
function sessionPrefix(): string {
  return crypto.randomUUID().slice(0, 8);
}

/** Generates ids that no other process and no other session of this one has. */
function sessionIds(): () => string {
  const prefix = sessionPrefix();
  let sessions = 0;
  return () => `${prefix}-${(++sessions).toString(36)}`;
}

/** Posts events, if configured. */
function openWebhook(
  { webhook: { url, secret } }: Config,
  { events, clock, metrics }: Pick<Surroundings, "events" | "clock" | "metrics">,
  stack: AsyncDisposableStack,
): void {
  if (url === undefined) return;
  const send = async (request: Request) => {
    const { status, body } = await fetch(request);
    await body?.cancel();
    return status;
  };
  const onDropped = (count: number) => metrics.count("srs_proxy_events_dropped_total", {}, count);
  stack.use(new Webhook({ clock, events, url, secret, send, onDropped }));
}

function addressPolicy(
  state: State,
  { localAddresses, otherProxies }: {
    readonly localAddresses: LocalAddresses;
    readonly otherProxies: () => readonly ProxyPlace[];
  },
): AddressPolicy {
  return new AddressPolicy({
    allow: () => state.config.register.allow,
    allowNames: () => state.config.register.allowNames,
    ownAddresses: () => state.ownAddresses,
    otherProxies,
    localIps: () => localAddresses.all,
  });
}

async function openRtcMedia(surroundings: Surroundings, lanes: Lanes): Promise<RtcMediaRelay> {
  const { listen, webrtc, registry } = surroundings.state.config;
  const { candidates: _, tcpCandidates: __, ...limits } = webrtc;
  const relay = await RtcMediaRelay.open({
    ...surroundings,
    ...limits,
    listen: listen.webrtc,
    leavesPort: listen.reusePort && registry.type === "redis",
    lanes,
  });
  logEngine("rtc", relay.engine);
  return relay;
}

async function openSrt(surroundings: Surroundings, lanes: Lanes): Promise<SrtRelay> {
  const { listen, srt, registry } = surroundings.state.config;
  const relay = await SrtRelay.open({
    ...surroundings,
    ...srt,
    listen: listen.srt,
    leavesPort: listen.reusePort && registry.type === "redis",
    lanes,
  });
  logEngine("srt", relay.engine);
  return relay;
}

function logEngine(protocol: string, { kind, buffers }: RtcMediaRelay["engine"]): void {
  LOG.info("UDP engine", { protocol, engine: kind, ...buffers });
}

function openSignaling(
  surroundings: Surroundings,
  media: RtcMediaRelay,
  { rtcTcp }: Lanes,
): Signaling {
  const { state } = surroundings;
  return Signaling.open({
    ...surroundings,
    media,
    candidates: () => state.config.webrtc.candidates,
    mediaPort: media.address.port,
    overTcp: rtcTcp &&
      { port: rtcTcp.port, candidates: () => state.config.webrtc.tcpCandidates },
  });
}
