// Opens the parts of the program, each with what it needs of the configuration and of the others. A part
// of app.ts.

import { openConsole, openHistory } from "./console.ts";
import { openSystem } from "./system.ts";
import type { Lanes, LanesRelay } from "../lane/lanes.ts";
import { openLanes } from "./lanes.ts";
import type { LocalAddresses } from "./local_addresses.ts";
import type { LiveSessions } from "../api/session_log.ts";
import {
  type ApiPort,
  hasOwnApiPort,
  openHttp,
  type OtherAnswers,
  resolvedOrigins,
} from "./http.ts";
import { type LogOutput, sessionPrefix, type State, type Surroundings } from "./surroundings.ts";
import type { Config } from "../config/config.ts";
import type { Clock } from "../core/clock.ts";
import { logger } from "../core/log.ts";
import type { Registry } from "../registry/registry.ts";
import type { HttpRelay } from "../relay/http/http_relay.ts";
import type { WebServer } from "../http1/web_server.ts";
import { RtcMediaRelay } from "../relay/rtc/media_relay.ts";
import { Signaling } from "../relay/rtc/signaling.ts";
import { SrtRelay } from "../relay/srt/srt_relay.ts";
import { openFoundation } from "./foundation.ts";

const LOG = logger("app");
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
  const relays: Relay[] = [];
  const foundation = await openFoundation(config, { log, clock, relays }, stack);
  const { surroundings, localAddresses, renewals } = foundation;
  const { registry, sessions, state } = surroundings;
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
  renewals.certify = (keys) => lanes.certify(keys);
  renewals.trust = (authorities) => lanes.trust(authorities);
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
