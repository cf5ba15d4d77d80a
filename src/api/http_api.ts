// The HTTP API: the version, and WebRTC signalling, which is passed to its handler. What all
// requests have in common is here: the token, CORS, the shape of errors.

import { type Context, Hono, type Next } from "hono";
import { corsFor } from "../core/cors.ts";
import type { Address } from "../core/address.ts";
import { refuseOtherSites } from "./browser_guard.ts";
import { answerError, answerErrorsInJson } from "./json_answers.ts";
import { type ApiAccess, bearerToken, holdsToken } from "./token.ts";
import { type About, versionsApp } from "./versions.ts";

export interface HttpApiDependencies {
  readonly about: About;
  /** What clients must present. It reaches the origins like everything else. */
  access(): ApiAccess;
  /** Web origins that may read answers; empty means all. */
  corsOrigins(): readonly string[];
  /** Answers what is below `/rtc/v1/`. */
  signal(request: Request, peer: Address): Promise<Response>;
}

interface Env {
  readonly Bindings: { readonly peer: Address };
}

/** Browsers take `*` for everything but Authorization. */
const ACCESS = [
  { name: "Access-Control-Allow-Methods", value: "GET, HEAD, POST, PATCH, DELETE, OPTIONS" },
  { name: "Access-Control-Allow-Headers", value: "*, Authorization" },
  {
    name: "Access-Control-Expose-Headers",
    value: "*, Accept-Patch, Accept-Post, ETag, Link, Location, Retry-After, WWW-Authenticate",
  },
  { name: "Access-Control-Max-Age", value: "600" },
];

/** The HTTP API as a handler of requests from that peer. */
export function httpApi(
  deps: HttpApiDependencies,
): (request: Request, peer: Address) => Response | Promise<Response> {
  const app = new Hono<Env>({ strict: false });
  answerErrorsInJson(app);
  app.use(addCors(deps.corsOrigins), refuseSites(deps.corsOrigins), requireToken(deps.access));
  app.all("/rtc/v1/*", (context) => deps.signal(context.req.raw, context.env.peer));
  app.options("*", (context) => {
    context.header("Allow", "GET, HEAD, OPTIONS");
    return context.body(null, 204);
  });
  app.route("/", versionsApp(deps.about));
  return (request, peer) => app.fetch(request, { peer });
}

function addCors(allowed: HttpApiDependencies["corsOrigins"]) {
  return async (context: Context<Env>, next: Next) => {
    await next();
    const { headers } = context.res;
    for (const { name, value } of corsFor(context.req.header("origin"), allowed(), ACCESS)) {
      // An answer may vary with other fields too.
      if (name === "Vary") headers.append(name, value);
      else headers.set(name, value);
    }
  };
}

/** Without a list every site may publish and play; with one, a page of another does so in vain too. */
function refuseSites(corsOrigins: HttpApiDependencies["corsOrigins"]) {
  return async (context: Context<Env>, next: Next) => {
    const allowed = corsOrigins();
    const isAllowed = allowed.includes(context.req.header("origin") ?? "");
    if (allowed.length > 0 && !isAllowed) refuseOtherSites(context.req.raw);
    await next();
  };
}

function requireToken(access: HttpApiDependencies["access"]) {
  return async (context: Context<Env>, next: Next) => {
    const { token } = access();
    // A browser asks without any token whether it may send one.
    const isFree = token === undefined || context.req.method === "OPTIONS";
    if (isFree || holdsToken(token, [bearerToken(context.req.header("authorization"))])) {
      return await next();
    }
    context.header("WWW-Authenticate", "Bearer");
    return answerError(context, 401, "Cannot accept this request: the token is missing or wrong");
  };
}
