// Who may manage, that is, see and change what runs, on the System API and the HTTP API alike: with a token,
// whoever presents it; without one, clients on this machine. Knows no paths; browser_guard.ts says what a
// page may not make its visitor's browser do.

import type { Context, Next } from "hono";
import type { Address } from "../core/address.ts";
import { addressGroup } from "../core/address_group.ts";
import { addressKind, type Cidr } from "../core/cidr.ts";
import { trustedWay } from "../core/client_address.ts";
import { corsFor } from "../core/cors.ts";
import type { Clock } from "../core/clock.ts";
import { ProxyError, toProxyError } from "../core/errors.ts";
import { ExpiringMap } from "../core/expiring_map.ts";
import { normalizeIp } from "../core/endpoint.ts";
import type { LabelValue } from "../core/metric_table.ts";
import {
  RefusedRequest,
  refuseOtherNames,
  refuseOtherSites,
  requireKnownPage,
} from "./browser_guard.ts";
import { type ApiAccess, basicPassword, bearerToken, holdsToken } from "./token.ts";

/** Why a request to manage is refused. */
export type ManagementRefusal = LabelValue<"srs_proxy_management_refused_total", "reason">;

export interface ManagementOptions {
  readonly clock: Pick<Clock, "now">;
  /** Without a token only clients on loopback may manage. */
  access(): ApiAccess;
  /** Web sites whose pages may manage, besides the API's own. */
  sites(): readonly string[];
  trustedProxies(): readonly Cidr[];
  onRefused(reason: ManagementRefusal): void;
}

/** Wrong tokens allowed from one address within a minute; after that it must wait for the next one. */
const MOST_FAILURES = 10;
const FAILURES_FOR = 60_000;
const MOST_ADDRESSES = 10_000;
/** Fields added by a reverse proxy on this machine: then the client is elsewhere. */
const MARKS_OF_PROXIES: readonly string[] = [
  ...["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"],
];
const CORS_ACCESS = [
  { name: "Access-Control-Allow-Methods", value: "GET, HEAD, POST, PATCH, DELETE, OPTIONS" },
  { name: "Access-Control-Allow-Headers", value: "Authorization, Content-Type" },
  { name: "Access-Control-Max-Age", value: "600" },
];
const CHALLENGES: readonly string[] = ["Bearer", 'Basic realm="srs-proxy", charset="UTF-8"'];

/** The reason for the counter, and the error for the client. */
interface Refusal {
  readonly reason: ManagementRefusal;
  readonly error: ProxyError;
}

/** Guards everything for managing; one object for all APIs, so that guesses are counted together. */
export class Management {
  readonly #options: ManagementOptions;
  readonly #failures = new ExpiringMap<string, { count: number }>({
    capacity: MOST_ADDRESSES,
    ttl: FAILURES_FOR,
  });

  constructor(options: ManagementOptions) {
    this.#options = options;
  }

  /** Web sites whose pages may manage, besides the API's own. */
  get sites(): readonly string[] {
    return this.#options.sites();
  }

  /**
   * Lets a request through if it may manage.
   *
   * @param peer undefined = unknown, and so not on this machine
   * @throws ProxyError `unauthorized`, or with status 403 or 429
   */
  admit(request: Request, peer: Address | undefined): void {
    const refusal = this.#refusalOf(request, peer);
    if (refusal === undefined) return;
    this.#options.onRefused(refusal.reason);
    throw refusal.error;
  }

  /**
   * Lets a request through that a browser may send for a page without a preflight.
   *
   * @returns the site of the page; undefined if the client is not a browser
   * @throws ProxyError with status 403
   */
  requireKnownPage(request: Request): string | undefined {
    try {
      return requireKnownPage(request, this.sites);
    } catch (error) {
      this.#options.onRefused("site");
      throw error;
    }
  }

  /** Whether a request may manage, where that is not required. A wrong token counts here too. */
  admits(request: Request, peer: Address | undefined): boolean {
    return this.#refusalOf(request, peer) === undefined;
  }

  #refusalOf(request: Request, peer: Address | undefined): Refusal | undefined {
    const { token } = this.#options.access();
    return failureOf("site", () => refuseOtherSites(request, this.sites)) ??
      (token === undefined
        ? failureOf("address", () => requireLoopback(request, peer)) ??
          failureOf("site", () => refuseOtherNames(request))
        : this.#tokenRefusal(token, request, peer));
  }

  #tokenRefusal(token: string, request: Request, peer: Address | undefined): Refusal | undefined {
    const presented = tokensOf(request);
    if (presented.length === 0) return { reason: "no_token", error: unauthorized("missing") };
    const now = this.#options.clock.now();
    const client = addressGroup(this.#clientOf(request, peer));
    this.#failures.expire(now);
    const failures = this.#failures.get(client, now);
    if (failures !== undefined && failures.count >= MOST_FAILURES) {
      const why = "Cannot accept this request: too many wrong tokens, wait a minute";
      return { reason: "failures", error: new RefusedRequest(429, why) };
    }
    if (holdsToken(token, presented)) return undefined;
    if (failures === undefined) this.#failures.set(client, { count: 1 }, now);
    else failures.count++;
    return { reason: "wrong_token", error: unauthorized("wrong") };
  }

  #clientOf({ headers }: Request, peer: Address | undefined): string {
    const forwardedFor = headers.get("x-forwarded-for");
    const said = {
      peer: peer?.host ?? "",
      forwardedFor: forwardedFor === null ? [] : [forwardedFor],
      realIp: headers.get("x-real-ip") ?? undefined,
    };
    return trustedWay(said, this.#options.trustedProxies())[0]!;
  }
}

/** Lets only requests through that may manage, except for public paths. */
export function requireManagement(management: Management, isPublic: (path: string) => boolean) {
  return async (context: Context, next: Next) => {
    if (isPublic(context.req.path)) return await next();
    try {
      management.admit(context.req.raw, context.env?.peer);
    } catch (error) {
      challenge(context, error);
      throw error;
    }
    context.header("Cache-Control", "no-store");
    context.header("X-Content-Type-Options", "nosniff");
    await next();
  };
}

/** Lets pages of the sites that may manage read the answers, and answers their preflights. */
export function addManagementCors(management: Management) {
  return async (context: Context, next: Next) => {
    await next();
    const { sites } = management;
    if (sites.length === 0) return;
    const { headers } = context.res;
    for (const { name, value } of corsFor(context.req.header("origin"), sites, CORS_ACCESS)) {
      headers.append(name, value);
    }
  };
}

/** Scripts get no challenge for Basic: the page asks for the token itself, so the browser should not. */
function challenge(context: Context, error: unknown): void {
  if (!(error instanceof ProxyError) || error.httpStatus !== 401) return;
  const isScript = context.req.header("sec-fetch-dest") === "empty";
  const challenges = isScript ? CHALLENGES.slice(0, 1) : CHALLENGES;
  for (const each of challenges) context.header("WWW-Authenticate", each, { append: true });
}

function tokensOf({ headers }: Request): string[] {
  const header = headers.get("authorization") ?? undefined;
  return [bearerToken(header), basicPassword(header)].filter((text) => text !== undefined);
}

function unauthorized(what: "missing" | "wrong"): ProxyError {
  return new ProxyError("unauthorized", `Cannot accept this request: the token is ${what}`);
}

function failureOf(reason: ManagementRefusal, check: () => void): Refusal | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return { reason, error: toProxyError(error) };
  }
}

function requireLoopback({ headers }: Request, peer: Address | undefined): void {
  const ip = normalizeIp(peer?.host ?? "");
  const isLocal = ip !== undefined && addressKind(ip) === "loopback";
  if (isLocal && !MARKS_OF_PROXIES.some((name) => headers.has(name))) return;
  throw new RefusedRequest(
    403,
    "Cannot manage from another machine unless PROXY_ADMIN_TOKEN is set",
  );
}
