// Opens the HTTP server and the HTTP API, with what they answer themselves. A part of app.ts.

import { httpApi } from "../api/http_api.ts";
import { LiveStreamList } from "../api/live_streams.ts";
import { playerApi } from "../api/player_api.ts";
import { openStaticFiles } from "../api/static_files.ts";
import { ABOUT, type Surroundings } from "./surroundings.ts";
import type { Config } from "../config/config.ts";
import { isSameAddress } from "../core/endpoint.ts";
import { type PagePorts, pages } from "../console/pages.ts";
import type { Address } from "../core/address.ts";
import type { OriginStatus } from "../core/registrar.ts";
import { Vhosts } from "../core/vhosts.ts";
import type { Lanes, LanesRelay } from "../lane/lanes.ts";
import type { TlsPort } from "../net/tcp_server.ts";
import { HttpRelay } from "../relay/http/http_relay.ts";
import { WebHandler, type WebHandlerOptions, WebServer } from "../http1/web_server.ts";
import type { Signaling } from "../relay/rtc/signaling.ts";

/** Where the HTTP API is, on a port of its own or shared. */
export type ApiPort = Pick<WebServer, "address" | "secureAddress" | "closed" | "stop">;

/** What the HTTP server answers besides media: its own API, then files or the built-in pages. */
async function openPages(
  { state, clock, registry }: Surroundings,
  ports: PagePorts,
): Promise<(request: Request) => Promise<Response>> {
  const { staticFiles, http: { playerList }, registry: { vhosts } } = state.config;
  const serve = staticFiles === undefined
    ? pages({ ports, hasList: playerList })
    : await openStaticFiles(staticFiles);
  const live = new LiveStreamList({
    registrar: registry,
    vhosts: new Vhosts(vhosts),
    clock,
  });
  const api = playerApi(ABOUT, playerList ? live : undefined);
  return async (request) => {
    if (new URL(request.url).pathname.startsWith("/api/")) return api.fetch(request);
    return await serve(request) ?? new Response("Not found\n", { status: 404 });
  };
}

/** What the main thread answers for lanes, once it can. */
export interface OtherAnswers {
  answer(request: Request): Promise<Response>;
  /** Answers WebRTC signalling requests. */
  signal(request: Request, peer: Address): Response | Promise<Response>;
}

interface HttpParts {
  readonly stack: AsyncDisposableStack;
  readonly lanes: Lanes;
  /** Set as soon as requests can be answered. */
  readonly other: OtherAnswers;
  readonly srtPort: number;
}

interface OpenHttp {
  readonly httpServer: LanesRelay | HttpRelay;
  readonly httpApi: ApiPort;
}

/** Whether the HTTP API has a port of its own; otherwise it shares the HTTP server's, as in SRS. */
export function hasOwnApiPort({ listen }: Config): boolean {
  return !isSameAddress(listen.httpServer, listen.httpApi);
}

/** Opens the HTTP API, and the HTTP server if it runs in the main thread and not in lanes. */
export async function openHttp(
  surroundings: Surroundings,
  signaling: Signaling,
  { stack, lanes, other, srtPort }: HttpParts,
): Promise<OpenHttp> {
  const { config } = surroundings.state;
  const { httpApi: listen } = config.listen;
  const api = apiOptions(surroundings, signaling);
  const ports = { rtmp: lanes.rtmp.address.port, srt: srtPort };
  if (!hasOwnApiPort(config)) {
    const handler = stack.use(new WebHandler(api));
    const answerOther = await openPages(surroundings, { ...ports, api: listen.port });
    const httpServer = stack.use(openHttpRelay(surroundings, answerOther, handler));
    return { httpServer, httpApi: httpServer };
  }
  const port = { name: "HTTP API", listen, tls: tlsPort(surroundings, "httpsApi") };
  const httpApi = stack.use(WebServer.open({ ...surroundings, ...api, ...port }));
  other.signal = (request, peer) => api.handle(request, peer, false);
  other.answer = await openPages(surroundings, { ...ports, api: httpApi.address.port });
  return { httpServer: lanes.http!, httpApi };
}

/** A second port of a server in this thread, for TLS. */
export function tlsPort(
  { state: { certificates, config: { tls } } }: Surroundings,
  name: "httpsServer" | "httpsApi" | "systemApi",
): TlsPort | undefined {
  const listen = tls[name];
  if (listen === undefined || certificates === undefined) return undefined;
  return { listen, server: () => name === "systemApi" ? certificates.system : certificates.server };
}

/** All origins, with names resolved to addresses. */
export async function resolvedOrigins({ registry, names }: Surroundings): Promise<OriginStatus[]> {
  const known = await registry.origins();
  return await Promise.all(known.map(async (status) => {
    return { ...status, origin: await names.resolved(status.origin) };
  }));
}

function openHttpRelay(
  surroundings: Surroundings,
  answerOther: (request: Request) => Promise<Response>,
  api: WebHandler,
): HttpRelay {
  const { state } = surroundings;
  return HttpRelay.open({
    ...surroundings,
    ...{ api, answerOther },
    listen: state.config.listen.httpServer,
    tls: tlsPort(surroundings, "httpsServer"),
    hlsPaths: () => state.config.http.hlsPaths,
    origins: () => resolvedOrigins(surroundings),
    looksForFiles: () => state.config.http.originFiles,
  });
}

function apiOptions(surroundings: Surroundings, signaling: Signaling): WebHandlerOptions {
  const { state, clock, metrics, timeouts, corsOrigins, onError } = surroundings;
  const { management, answers } = surroundings;
  const { handle } = httpApi({
    about: ABOUT,
    access: () => state.config.apiAuth,
    passes: () => state.config.admin.passes,
    ...{ clock, management, answers, corsOrigins },
    signal: (request, peer) => signaling.handle(request, peer),
  });
  return {
    ...{ timeouts, onError, handle },
    onRefused: (reason) => metrics.count("srs_proxy_api_refused_total", { reason }),
  };
}
