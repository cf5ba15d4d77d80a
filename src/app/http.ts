// Opens the HTTP server and the HTTP API, with what they answer themselves. A part of app.ts, which
// is the one place that knows everything.

import { httpApi } from "../api/http_api.ts";
import { LiveStreamList } from "../api/live_streams.ts";
import { playerApi } from "../api/player_api.ts";
import { openStaticFiles } from "../api/static_files.ts";
import { ABOUT, type Surroundings } from "./surroundings.ts";
import { isSameAddress } from "../config/config.ts";
import { type PagePorts, pages } from "../console/pages.ts";
import type { OriginStatus } from "../core/registrar.ts";
import { Vhosts } from "../core/vhosts.ts";
import type { Lanes, LanesRelay } from "../lane/lanes.ts";
import { openLanes } from "./lanes.ts";
import { HttpRelay } from "../relay/http/http_relay.ts";
import { WebHandler, type WebHandlerOptions, WebServer } from "../http1/web_server.ts";
import type { Signaling } from "../relay/rtc/signaling.ts";

/** Where the HTTP API is, on a port of its own or not. */
export type ApiPort = Pick<WebServer, "address" | "closed" | "stop">;

/** What the HTTP server answers apart from media: its own API, then files or the built-in pages. */
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

/** What the HTTP server and the HTTP API are opened with. */
interface HttpParts {
  readonly stack: AsyncDisposableStack;
  /** Of the sessions of lanes. */
  readonly idPrefix: string;
  readonly srtPort: number;
}

/** What is open. */
interface OpenHttp {
  readonly lanes: Lanes;
  readonly httpServer: LanesRelay | HttpRelay;
  readonly httpApi: ApiPort;
}

/**
 * The lanes, and the HTTP API on a port of its own or, as with SRS, on that of the HTTP server, which is
 * the main thread's then.
 */
export async function openHttp(
  surroundings: Surroundings,
  signaling: Signaling,
  { stack, idPrefix, srtPort }: HttpParts,
): Promise<OpenHttp> {
  const { httpServer: listen, httpApi: apiListen } = surroundings.state.config.listen;
  const api = apiOptions(surroundings, signaling);
  const sharesPort = isSameAddress(listen, apiListen);
  let answerOther = (_request: Request) => Promise.resolve(new Response(null, { status: 503 }));
  const lanes = stack.use(
    await openLanes(surroundings, {
      servesHttp: !sharesPort,
      idPrefix,
      origins: () => resolvedOrigins(surroundings),
      answerOther: (request) => answerOther(request),
    }),
  );
  const ports = { rtmp: lanes.rtmp.address.port, srt: srtPort };
  if (sharesPort) {
    const handler = stack.use(new WebHandler(api));
    answerOther = await openPages(surroundings, { ...ports, api: apiListen.port });
    const httpServer = stack.use(openHttpRelay(surroundings, answerOther, handler));
    return { lanes, httpServer, httpApi: httpServer };
  }
  const port = { name: "HTTP API", listen: apiListen };
  const httpApi = stack.use(WebServer.open({ ...surroundings, ...api, ...port }));
  answerOther = await openPages(surroundings, { ...ports, api: httpApi.address.port });
  return { lanes, httpServer: lanes.http!, httpApi };
}

/** All origins, by their addresses. */
async function resolvedOrigins({ registry, names }: Surroundings): Promise<OriginStatus[]> {
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
    hlsPaths: () => state.config.http.hlsPaths,
    origins: () => resolvedOrigins(surroundings),
    looksForFiles: () => state.config.http.originFiles,
  });
}

function apiOptions(surroundings: Surroundings, signaling: Signaling): WebHandlerOptions {
  const { state, metrics, timeouts, corsOrigins, management, onError } = surroundings;
  return {
    ...{ timeouts, onError },
    handle: httpApi({
      about: ABOUT,
      access: () => state.config.apiAuth,
      ...{ management, corsOrigins },
      signal: (request, peer) => signaling.handle(request, peer),
    }),
    onRefused: (reason) => metrics.count("srs_proxy_api_refused_total", { reason }),
  };
}
