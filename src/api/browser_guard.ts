// Protects an API that a user can reach from web pages whose authors cannot reach it: pages of other sites
// (WHATWG Fetch, section 3.2; W3C Fetch Metadata), and pages of a site whose name was made to point here
// (DNS rebinding). Does not affect other clients, such as SRS's heartbeat.

import { ProxyError } from "../core/errors.ts";
import { normalizeIp } from "../core/endpoint.ts";

/** No real host name is longer. */
const LONGEST_HOST = 512;
const LONGEST_TYPE = 256;
const LONGEST_PAGE = 8_192;
const SAFE_METHODS: readonly string[] = ["GET", "HEAD", "OPTIONS"];
/** Fields that every browser sends with a page's requests, and hardly any other client does. */
const MARKS_OF_BROWSERS: readonly string[] = [
  ...["origin", "sec-fetch-site", "sec-fetch-mode", "referer", "accept-language"],
];

/** A request that is refused whoever sends it; the text says what would be accepted. */
export class RefusedRequest extends ProxyError {
  readonly #status: number;

  constructor(status: number, message: string) {
    super("bad_request", message);
    this.#status = status;
  }

  override get httpStatus(): number {
    return this.#status;
  }
}

/**
 * @param allowed web sites whose pages may request changes as our own may
 * @throws ProxyError with status 403 when a page of another site requests a change
 */
export function refuseOtherSites(
  { method, headers }: Request,
  allowed: readonly string[] = [],
): void {
  if (SAFE_METHODS.includes(method)) return;
  const relation = headers.get("sec-fetch-site") ?? "none";
  const site = headers.get("origin");
  if (site !== null && allowed.includes(site)) return;
  const isOwn = site === null || isSiteOf(site, headers.get("host") ?? "");
  if (isOwn && (relation === "none" || relation === "same-origin")) return;
  throw new RefusedRequest(403, "Cannot accept this request from a page of another web site");
}

/**
 * Browsers must use an IP address, `localhost` or a name without a dot: any other name may have been made
 * to point here by the author of the page. Not needed where a token is required.
 *
 * @throws ProxyError with status 403
 */
export function refuseOtherNames({ headers }: Request): void {
  const host = headers.get("host");
  if (host === null || isHarmless(host)) return;
  if (!MARKS_OF_BROWSERS.some((name) => headers.has(name))) return;
  throw new RefusedRequest(
    403,
    "Cannot accept browser requests under this name without a token: use an address, or set a token",
  );
}

/**
 * For requests that change something by GET, or whose answer a page could read as a script: a browser must
 * show that the page is one of ours or of an allowed site. A page can keep the browser from saying where
 * the page comes from, but not from sending the fields that distinguish browsers from other clients.
 *
 * @returns the site; undefined if the client is not a browser
 * @throws ProxyError with status 403
 */
export function requireKnownPage(
  { headers }: Request,
  allowed: readonly string[],
): string | undefined {
  if (!isBrowser(headers)) return undefined;
  const host = headers.get("host") ?? "";
  const site = headers.get("origin") ?? siteOf(headers.get("referer"));
  if (headers.get("sec-fetch-site") === "same-origin") return site ?? `http://${host}`;
  if (site !== undefined && (allowed.includes(site) || isSiteOf(site, host))) return site;
  throw new RefusedRequest(403, "Cannot accept this request from a page of another web site");
}

/** Programs that implement `fetch` as browsers do, but are not browsers, accept any language: `*`. */
function isBrowser(headers: Headers): boolean {
  if (["origin", "referer", "sec-fetch-site"].some((name) => headers.has(name))) return true;
  return (headers.get("accept-language") ?? "*") !== "*";
}

function siteOf(page: string | null): string | undefined {
  if (page === null || page.length > LONGEST_PAGE || !URL.canParse(page)) return undefined;
  return new URL(page).origin;
}

/** Pages can send other types without a preflight. @throws ProxyError with status 415 */
export function requireJson({ headers }: Request): void {
  const type = headers.get("content-type") ?? "";
  const isShort = type.length <= LONGEST_TYPE;
  if (isShort && /^application\/(?:[\w.-]+\+)?json(?:$|[ \t;])/i.test(type.trim())) return;
  throw new RefusedRequest(415, "Cannot register without Content-Type: application/json");
}

function isSiteOf(site: string, host: string): boolean {
  if (site.length > LONGEST_HOST || !URL.canParse(site)) return false;
  return new URL(site).host === host.toLowerCase();
}

function isHarmless(host: string): boolean {
  if (host.length > LONGEST_HOST) return false;
  const [, v6, name = ""] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d{0,5})?$/.exec(host) ?? [];
  if (v6 !== undefined) return normalizeIp(v6) !== undefined;
  if (/^[\w-]+$/.test(name) || /^[\w.-]*\.localhost$/i.test(name)) return true;
  return normalizeIp(name) !== undefined;
}
