// Opens the lanes: the threads that serve clients. A part of app.ts.

import type { Config } from "../config/config.ts";
import { isSameAddress, type ListenAddress } from "../core/endpoint.ts";
import type { Surroundings } from "./surroundings.ts";
import { logTlsFailure } from "./origin_trust.ts";
import type { OriginStatus } from "../core/registrar.ts";
import type { Address } from "../core/address.ts";
import { ProxyError } from "../core/errors.ts";
import { logger } from "../core/log.ts";
import { Lanes } from "../lane/lanes.ts";
import { findBusyPorts, type WantedPort } from "../net/busy_ports.ts";
import { chooseLibc } from "../net/udp/engine.ts";

const LOG = logger("app");

/** What lanes need besides what all parts share. */
export interface LaneServices {
  /** Whether HTTP is served by lanes rather than the main thread. */
  readonly servesHttp: boolean;
  readonly idPrefix: string;
  /** Answers WebRTC signalling requests. */
  signal(request: Request, peer: Address): Response | Promise<Response>;
  origins(): Promise<readonly OriginStatus[]>;
  /** What the HTTP server answers besides media. */
  answerOther(request: Request): Promise<Response>;
}

/** The configured number, or the number of cores that this process may use. */
export function laneCount({ lanes }: Config): number {
  return lanes ?? Math.min(navigator.hardwareConcurrency, 64);
}

/** Where WebRTC over TCP is accepted: on a port of its own, or on one of the HTTP server's. */
function rtcTcpPort({ listen, tls }: Config): ListenAddress | "http" | "https" | undefined {
  const { webrtcTcp } = listen;
  if (webrtcTcp === undefined) return undefined;
  if (tls.httpsServer && isSameAddress(tls.httpsServer, webrtcTcp)) return "https";
  return isSameAddress(listen.httpServer, webrtcTcp) ? "http" : webrtcTcp;
}

/** The port of its own, if it has one. */
export function ownRtcTcp(config: Config): ListenAddress | undefined {
  const port = rtcTcpPort(config);
  return typeof port === "object" ? port : undefined;
}

/** @throws ProxyError `internal` when a port cannot be bound */
export async function openLanes(
  { state, clock, resolver, sessions, metrics, hopMark, identifyTally, reusePort, onError }:
    Surroundings,
  { servesHttp, idPrefix, origins, answerOther, signal }: LaneServices,
): Promise<Lanes> {
  const { listen, tls, engine: choice, variables } = state.config;
  const count = laneCount(state.config);
  const ports: WantedPort[] = [{ name: "RTMP", transport: "tcp", listen: listen.rtmp }];
  if (servesHttp) ports.push({ name: "HTTP server", transport: "tcp", listen: listen.httpServer });
  ports.push({ name: "WebRTC", transport: "udp", listen: listen.webrtc });
  ports.push({ name: "SRT", transport: "udp", listen: listen.srt });
  if (tls.rtmps) ports.push({ name: "RTMP over TLS", transport: "tcp", listen: tls.rtmps });
  if (servesHttp && tls.httpsServer) {
    ports.push({ name: "HTTP server over TLS", transport: "tcp", listen: tls.httpsServer });
  }
  const rtcTcp = rtcTcpPort(state.config);
  const own = ownRtcTcp(state.config);
  if (own) ports.push({ name: "WebRTC over TCP", transport: "tcp", listen: own });
  // Lanes share their ports, and would also share them with another process by accident.
  const busy = reusePort ? [] : findBusyPorts(ports);
  if (busy.length > 0) throw new ProxyError("internal", busy.join("\n"));
  const library = chooseLibc(choice);
  library?.close();
  const engine = library === undefined ? "deno" : "libc";
  if (engine === "deno" && count > 1 && typeof rtcTcp === "string") {
    const reason = "Cannot share its port without the C library unless PROXY_LANES is 1";
    throw new ProxyError("internal", `PROXY_WEBRTC_TCP_SERVER: ${reason}`);
  }
  const opened = await Lanes.open({
    count,
    clock,
    identifyMemory: identifyTally,
    services: {
      ...{ resolver, sessions, metrics, origins, answerOther, signal, onError },
      onTlsFailed: logTlsFailure,
    },
    init: {
      engine,
      listen: {
        rtmp: listen.rtmp,
        http: servesHttp ? listen.httpServer : undefined,
        rtmps: tls.rtmps,
        https: servesHttp ? tls.httpsServer : undefined,
        rtcTcp,
        reusePort: reusePort || count > 1,
      },
      variables,
      tls: state.certificates?.keys,
      authorities: state.originTrust.authorities,
      idPrefix,
      pseudonym: hopMark.pseudonym,
    },
  });
  LOG.info("Lanes", { count, engine });
  return opened;
}
