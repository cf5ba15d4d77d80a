// The console for operators, at `/` of the System API. Its files are not secret; its data comes from the
// API, which requires the token.

import { site, type SiteFile } from "./site.ts";

export interface OperatorConsoleOptions {
  /** Folder of the built files; by default where the build writes them. */
  readonly folder?: string;
  /** Port where previews are played. */
  readonly httpPort: number;
  /** The same over TLS; undefined if there is none. */
  readonly httpsPort?: number | undefined;
  /** Of the proxy. */
  readonly version: string;
}

const PAGE = "console.html";
const FILES: ReadonlyMap<string, SiteFile> = new Map<string, SiteFile>([
  ["/", [PAGE, "text/html; charset=utf-8"]],
  ["/console/console.js", ["console.js", "text/javascript; charset=utf-8"]],
  ["/console/page.css", ["page.css", "text/css; charset=utf-8"]],
  ["/console/console.css", ["console.css", "text/css; charset=utf-8"]],
  ["/console/icon.svg", ["icon.svg", "image/svg+xml"]],
  ["/console/licenses.txt", ["licenses.txt", "text/plain; charset=utf-8"]],
]);

function securityPolicy(ports: readonly string[]): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "media-src 'self' blob:",
    // The preview comes from another port of the same host, whose name only the browser knows.
    ["connect-src 'self'", ...ports].join(" "),
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

/** The console as a handler: undefined for every path that is not its own. */
export function operatorConsole(
  { folder, httpPort, httpsPort, version }: OperatorConsoleOptions,
): (request: Request) => Promise<Response | undefined> {
  const plain = `http://*:${httpPort}`;
  return site({
    ...{ folder, files: FILES, page: PAGE },
    facts: {
      "http-port": String(httpPort),
      "https-port": String(httpsPort ?? ""),
      "proxy-version": version,
    },
    policy: securityPolicy(httpsPort === undefined ? [plain] : [plain, `https://*:${httpsPort}`]),
  });
}
