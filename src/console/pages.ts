// The built-in pages for viewers and publishers, at `/` of the HTTP server.

import { site, type SiteFile } from "./site.ts";

export interface PagesOptions {
  /** Folder of the built files; by default where the build writes them. */
  readonly folder?: string;
  /** The program's default ports if absent. */
  readonly ports?: Partial<PagePorts>;
  /** Whether the page may ask which streams are live; true by default. */
  readonly hasList?: boolean;
}

/** Ports for the addresses that the page shows. */
export interface PagePorts {
  readonly rtmp: number;
  /** The HTTP API, which the page uses for WebRTC. */
  readonly api: number;
  readonly srt: number;
}

const PAGE = "index.html";
const FILES: ReadonlyMap<string, SiteFile> = new Map<string, SiteFile>([
  ["/", [PAGE, "text/html; charset=utf-8"]],
  ["/publish", [PAGE, "text/html; charset=utf-8"]],
  ["/console/page.js", ["page.js", "text/javascript; charset=utf-8"]],
  ["/console/page.css", ["page.css", "text/css; charset=utf-8"]],
  ["/console/icon.svg", ["icon.svg", "image/svg+xml"]],
  ["/console/licenses.txt", ["licenses.txt", "text/plain; charset=utf-8"]],
]);

const DEFAULT_PORTS: PagePorts = { rtmp: 1935, api: 1985, srt: 10080 };

/** Everything comes from the proxy itself; MediaSource passes media to the player as blobs. */
function securityPolicy(apiPort: number): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "media-src 'self' blob:",
    // The API is another port of the same host, whose name only the browser knows.
    `connect-src 'self' http://*:${apiPort} https://*:${apiPort}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'self'",
  ].join("; ");
}

/** The pages as a handler: undefined for every path that is not theirs. */
export function pages(
  { folder, ports, hasList = true }: PagesOptions = {},
): (request: Request) => Promise<Response | undefined> {
  const { rtmp, api, srt } = { ...DEFAULT_PORTS, ...ports };
  return site({
    ...{ folder, files: FILES, page: PAGE },
    facts: {
      "rtmp-port": String(rtmp),
      "api-port": String(api),
      "srt-port": String(srt),
      "live-list": hasList ? "on" : "off",
    },
    policy: securityPolicy(api),
  });
}
