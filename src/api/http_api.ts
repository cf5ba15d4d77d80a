// The HTTP API: the version, WebRTC signalling, which is passed to its handler, and what manages. Who
// may do which of these is here, with CORS and the shape of errors.

import { type Context, Hono, type Next } from "hono";
import { corsFor } from "../core/cors.ts";
import type { Address } from "../core/address.ts";
import { refuseOtherSites } from "./browser_guard.ts";
import { answerError, answerErrorsInJson } from "./json_answers.ts";
import { addManagementCors, type Management, requireManagement } from "./management.ts";
import { type ApiAccess, bearerToken, holdsToken } from "./token.ts";
import { type About, versionsApp } from "./versions.ts";

export interface HttpApiDependencies {
  readonly about: About;
  /** What clients that signal must present. It reaches the origins like everything else. */
  access(): ApiAccess;
  /** Guards what is below `/api/`, but for the version. */
  readonly management: Management;
  /** Web origins that may read answers about signalling; empty means all. */
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

/** What is told to everybody; whatever else is below `/api/` manages. */
const VERSIONS = /^\/api\/v1\/versions\/?$/;

/** The HTTP API as a handler of requests from that peer. */
export function httpApi(
  deps: HttpApiDependencies,
): (request: Request, peer: Address) => Response | Promise<Response> {
  const signalling = signallingApp(deps);
  const managing = managingApp(deps);
  return (request, peer) => {
    const { pathname } = new URL(request.url);
    const manages = pathname.startsWith("/api/") && !VERSIONS.test(pathname);
    return (manages ? managing : signalling).fetch(request, { peer });
  };
}

function signallingApp(deps: HttpApiDependencies): Hono<Env> {
  const app = new Hono<Env>({ strict: false });
  answerErrorsInJson(app);
  app.use(addCors(deps.corsOrigins), refuseSites(deps.corsOrigins), requireToken(deps.access));
  app.all("/rtc/v1/*", (context) => deps.signal(context.req.raw, context.env.peer));
  app.options("*", (context) => answerOptions(context, "GET, HEAD, OPTIONS"));
  app.route("/", versionsApp(deps.about));
  return app;
}

function managingApp({ management }: HttpApiDependencies): Hono<Env> {
  const app = new Hono<Env>({ strict: false });
  answerErrorsInJson(app);
  app.use(addManagementCors(management));
  app.options("*", (context) => answerOptions(context, "GET, HEAD, DELETE, OPTIONS"));
  app.use(requireManagement(management, () => false));
  return app;
}

function answerOptions(context: Context, allowed: string): Response {
  context.header("Allow", allowed);
  return context.body(null, 204);
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
