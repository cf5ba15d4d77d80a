// Opens the HTTP server and the HTTP API, with what they answer themselves. A part of app.ts, which
// is the one place that knows everything.

import { httpApi } from "../api/http_api.ts";
import { LiveStreamList } from "../api/live_streams.ts";
import { playerApi } from "../api/player_api.ts";
import { openStaticFiles } from "../api/static_files.ts";
import { ABOUT, logError, type Surroundings } from "./surroundings.ts";
import { isSameAddress } from "../config/config.ts";
import { type PagePorts, pages } from "../console/pages.ts";
import { systemClock } from "../core/clock.ts";
import { Vhosts } from "../core/vhosts.ts";
import { HttpRelay } from "../relay/http/http_relay.ts";
import { WebHandler, type WebHandlerOptions, WebServer } from "../http1/web_server.ts";
import type { Signaling } from "../relay/rtc/signaling.ts";

/** Where the HTTP API is, on a port of its own or not. */
export type ApiPort = Pick<WebServer, "address" | "closed" | "stop">;

/** What the HTTP server answers apart from media: its own API, then files or the built-in pages. */
async function openPages(
  { config, registry }: Surroundings,
  ports: PagePorts,
): Promise<(request: Request) => Promise<Response>> {
  const { staticFiles, http: { playerList }, registry: { vhosts } } = config;
  const serve = staticFiles === undefined
    ? pages({ ports, hasList: playerList })
    : await openStaticFiles(staticFiles);
  const live = new LiveStreamList({
    directory: registry,
    vhosts: new Vhosts(vhosts),
    now: () => systemClock.now(),
  });
  const api = playerApi(ABOUT, playerList ? live : undefined);
  return async (request) => {
    if (new URL(request.url).pathname.startsWith("/api/")) return api.fetch(request);
    return await serve(request) ?? new Response("Not found\n", { status: 404 });
  };
}

/** The HTTP server and the HTTP API, on two ports or, as with SRS, on one. */
export async function openHttp(
  surroundings: Surroundings,
  signaling: Signaling,
  { stack, ports }: {
    readonly stack: AsyncDisposableStack;
    readonly ports: Omit<PagePorts, "api">;
  },
): Promise<{ httpServer: HttpRelay; httpApi: ApiPort }> {
  const { config, identifyMemory } = surroundings;
  const { httpServer: listen, httpApi: apiListen, reusePort } = config.listen;
  const api = apiOptions(surroundings, signaling);
  if (isSameAddress(listen, apiListen)) {
    const handler = stack.use(new WebHandler(api));
    const answerOther = await openPages(surroundings, { ...ports, api: apiListen.port });
    const httpServer = stack.use(openHttpRelay(surroundings, answerOther, handler));
    return { httpServer, httpApi: httpServer };
  }
  const { limits } = config;
  const name = "HTTP API";
  const port = { name, listen: apiListen, reusePort };
  const httpApi = stack.use(WebServer.open({ ...api, ...port, limits, identifyMemory }));
  const answerOther = await openPages(surroundings, { ...ports, api: httpApi.address.port });
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
