// Opens the System API with its port. A part of app.ts.

import type { History } from "../api/history.ts";
import { LoopGuard } from "../api/loop_guard.ts";
import { originMetrics } from "../api/origin_metrics.ts";
import { RepeatedHeartbeats } from "../api/repeated_heartbeats.ts";
import { type Readiness, registered, systemApi } from "../api/system_api.ts";
import { addressGroup } from "../core/address_group.ts";
import type { RelaySessions } from "../core/contracts.ts";
import { MemoryBudget } from "../core/memory_budget.ts";
import { signature } from "../core/version.ts";
import { isProxyAtHttp } from "../http1/proxy_probe.ts";
import { WebServer } from "../http1/web_server.ts";
import type { Lanes } from "../lane/lanes.ts";
import type { Registry } from "../registry/registry.ts";
import { isProxyAtRtmp } from "../relay/rtmp/proxy_probe.ts";
import { tlsPort } from "./http.ts";
import { refreshMetrics } from "./metrics.ts";
import { ABOUT, type State, type Surroundings } from "./surroundings.ts";

/** Milliseconds for finding out whether a registering origin is a proxy. */
const PROBE_TIMEOUT = 1_000;
/** The same as the API's own answer. */
const REGISTERED = {
  status: 200,
  fields: [{ name: "content-type", value: "application/json" }],
  body: new TextEncoder().encode(JSON.stringify(registered(ABOUT))),
};

interface SystemParts {
  readonly relays: readonly RelaySessions[];
  readonly lanes: Lanes;
  readonly history: History;
  /** Answers what belongs to the console. */
  showConsole(request: Request): Promise<Response | undefined>;
}

/** Has a memory budget of its own, so that clients of the public ports cannot keep heartbeats out. */
export function openSystem(surroundings: Surroundings, parts: SystemParts): WebServer {
  const { clock, state, metrics, registry } = surroundings;
  const identifyMemory = new MemoryBudget(() => state.config.identifyMemory);
  const heartbeats = new RepeatedHeartbeats({
    ...{ clock, metrics, registrar: registry },
    grounds: () => [state.config, state.ownAddresses, registry.otherProxies],
  });
  const api = openApi(surroundings, parts, heartbeats);
  return WebServer.open({
    ...surroundings,
    identifyMemory,
    // Origins and operators reach it directly.
    balancers: undefined,
    tls: tlsPort(surroundings, "systemApi"),
    name: "System API",
    listen: state.config.listen.systemApi,
    handle: async (request, peer, isCertified, verbatim) => {
      using memory = identifyMemory.open(addressGroup(peer.host));
      return await parts.showConsole(request) ??
        await api.fetch(request, { peer, memory, isCertified, verbatim });
    },
    repeat: async (verbatim) => await heartbeats.accept(verbatim) ? REGISTERED : undefined,
    onRefused: (reason) => metrics.count("srs_proxy_system_refused_total", { reason }),
  });
}

function openApi(
  surroundings: Surroundings,
  { relays, lanes, history }: SystemParts,
  heartbeats: RepeatedHeartbeats,
) {
  const { clock, engine, registry, metrics, log, state } = surroundings;
  const { sessions, events, changes, tallies, addresses, names, management, answers } =
    surroundings;
  const guard = new LoopGuard({
    clock,
    rtmp: (address) => isProxyAtRtmp(engine, address, PROBE_TIMEOUT),
    http: (address) => isProxyAtHttp(engine, address, signature, PROBE_TIMEOUT),
  });
  let linesLost = 0;
  return systemApi({
    clock,
    isProxy: (origin) => guard.isProxy(origin),
    sessions: {
      list: (page) => sessions.list(page),
      kick: (session) => relays.some((relay) => relay.endSession(session, "kicked")),
    },
    registrar: registry,
    operations: registry.operations,
    ...{ events, changes },
    tallies: () => tallies.get(),
    metrics,
    expose: async () => {
      await lanes.report();
      metrics.count("srs_proxy_log_lines_lost_total", {}, log.lost - linesLost);
      linesLost = log.lost;
      const days = state.certificates?.daysLeft;
      if (days !== undefined) metrics.gauge("srs_proxy_tls_certificate_days", days);
      await refreshMetrics(metrics, registry, state.draining);
      return await metrics.expose();
    },
    exposeOrigins: () => originMetrics(answers),
    history: () => history.columns(),
    readiness: () => readinessOf(state, registry, lanes),
    about: ABOUT,
    ...{ addresses, management },
    resolved: (origin) => names.resolved(origin),
    accepted: (verbatim, origin) => heartbeats.note(verbatim, origin),
    access: () => state.config.register,
    asksForCertificates: () => state.config.tls.clientAuthorities !== undefined,
  });
}

/** A proxy that cannot reach the others still serves clients. */
function readinessOf(
  { draining, certificates }: State,
  { trouble }: Registry,
  lanes: Lanes,
): Readiness {
  if (draining) return { ready: false, status: "draining" };
  const reason = lanes.trouble?.reason ?? trouble ?? certificates?.trouble;
  const ready = lanes.trouble?.canServe ?? true;
  const days = certificates?.daysLeft;
  const status = reason === undefined ? "ready" : "degraded";
  return { ready, status, ...(reason && { reason }), ...(days !== undefined && { days }) };
}
