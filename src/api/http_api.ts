// The HTTP API: the version, WebRTC signalling, which is passed to its handler, and management. Decides who
// may use which of these, and adds CORS and the shape of errors.

import { type Context, Hono, type Next } from "hono";
import type { Clock } from "../core/clock.ts";
import { corsFor } from "../core/cors.ts";
import type { Address } from "../core/address.ts";
import { refuseOtherSites } from "./browser_guard.ts";
import { answerScripts } from "./jsonp.ts";
import { answerError, answerErrorsInJson } from "./json_answers.ts";
import { httpDocument } from "./http_document.ts";
import { addManagementCors, type Management, requireManagement } from "./management.ts";
import type { OriginAnswers } from "./origin_answers.ts";
import { originPass } from "./origin_pass.ts";
import { figuresOf, originsApi } from "./origins_api.ts";
import { type ApiAccess, bearerToken, holdsToken } from "./token.ts";
import { type About, versionsAnswer } from "./versions.ts";

export interface HttpApiDependencies {
  readonly about: About;
  /** The token of WebRTC clients. It is passed on to origins like everything else. */
  access(): ApiAccess;
  /** Guards everything below `/api/` except the version. */
  readonly management: Management;
  /** Web origins whose pages may read signalling answers; empty means all. */
  corsOrigins(): readonly string[];
  readonly answers: OriginAnswers;
  readonly clock: Clock;
  /** Whether requests to one origin's API are passed on. */
  passes(): boolean;
  /** Answers requests below `/rtc/v1/`. */
  signal(request: Request, peer: Address): Promise<Response>;
}

interface Env {
  readonly Bindings: { readonly peer: Address };
}

/** Browsers accept `*` for every field except Authorization. */
const ACCESS = [
  { name: "Access-Control-Allow-Methods", value: "GET, HEAD, POST, PATCH, DELETE, OPTIONS" },
  { name: "Access-Control-Allow-Headers", value: "*, Authorization" },
  {
    name: "Access-Control-Expose-Headers",
    value: "*, Accept-Patch, Accept-Post, ETag, Link, Location, Retry-After, WWW-Authenticate",
  },
  { name: "Access-Control-Max-Age", value: "600" },
];

/** Open to everybody; all other paths below `/api/` are for managing. */
const VERSIONS = /^\/api\/v1\/versions\/?$/;

export interface HttpApi {
  /** Answers a request from that peer. */
  handle(request: Request, peer: Address): Response | Promise<Response>;
  /** Everything it answers. */
  readonly routes: readonly { readonly method: string; readonly path: string }[];
}

/** The HTTP API, to be served by a listener. */
export function httpApi(deps: HttpApiDependencies): HttpApi {
  const signalling = signallingApp(deps);
  const managing = managingApp(deps);
  const handle = answerScripts((request, peer) => {
    const { pathname } = new URL(request.url);
    const manages = pathname.startsWith("/api/") && !VERSIONS.test(pathname);
    return (manages ? managing : signalling).fetch(request, { peer });
  }, deps.management);
  return { handle, routes: [...signalling.routes, ...managing.routes] };
}

function signallingApp(deps: HttpApiDependencies): Hono<Env> {
  const app = new Hono<Env>({ strict: false });
  answerErrorsInJson(app);
  app.use(addCors(deps.corsOrigins), refuseSites(deps.corsOrigins), requireToken(deps));
  app.all("/rtc/v1/*", (context) => deps.signal(context.req.raw, context.env.peer));
  app.options("*", (context) => answerOptions(context, "GET, HEAD, OPTIONS"));
  // SRS answers POST too, which its own tests use.
  app.on(["GET", "POST"], "/api/v1/versions", async (context) => {
    return context.json(await versionsOf(context, deps));
  });
  return app;
}

/** Includes the origins' versions if the client may manage. */
async function versionsOf(context: Context<Env>, deps: HttpApiDependencies) {
  const own = versionsAnswer(deps.about);
  const { req, env: { peer } } = context;
  if (signals(context, deps) || !deps.management.admits(req.raw, peer)) return own;
  const { origins, missing } = await figuresOf("versions", deps.answers);
  return { ...own, origins, missing };
}

function managingApp(deps: HttpApiDependencies): Hono<Env> {
  const { management } = deps;
  const app = new Hono<Env>({ strict: false });
  answerErrorsInJson(app);
  app.use(addManagementCors(management));
  app.options("*", (context) => answerOptions(context, "GET, HEAD, DELETE, OPTIONS"));
  app.use(requireManagement(management, () => false));
  const document = httpDocument(deps.about.version);
  app.get("/api/v1/openapi.json", (context) => context.json(document));
  app.route("/", originPass({ ...deps, isOn: deps.passes }));
  app.route("/", originsApi(deps));
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

/** Refuses other sites if there is a list. Without one, pages of every site may publish and play. */
function refuseSites(corsOrigins: HttpApiDependencies["corsOrigins"]) {
  return async (context: Context<Env>, next: Next) => {
    const allowed = corsOrigins();
    const isAllowed = allowed.includes(context.req.header("origin") ?? "");
    if (allowed.length > 0 && !isAllowed) refuseOtherSites(context.req.raw);
    await next();
  };
}

/** Whether a request has the token for signalling. */
function signals(context: Context<Env>, { access }: HttpApiDependencies): boolean {
  const { token } = access();
  const presented = bearerToken(context.req.header("authorization"));
  return token !== undefined && holdsToken(token, [presented]);
}

function requireToken(deps: HttpApiDependencies) {
  return async (context: Context<Env>, next: Next) => {
    const { req, env: { peer } } = context;
    // A browser's preflight request never has a token.
    const isFree = deps.access().token === undefined || req.method === "OPTIONS";
    if (isFree || signals(context, deps)) return await next();
    if (VERSIONS.test(req.path) && deps.management.admits(req.raw, peer)) return await next();
    context.header("WWW-Authenticate", "Bearer");
    return answerError(context, 401, "Cannot accept this request: the token is missing or wrong");
  };
}
