// The System API: origins register here, and operators and their tools look at the proxy. Only routes: the
// contents of a registration, authorization and the format of numbers are defined elsewhere.

import { type Context, Hono } from "hono";
import type { Clock } from "../core/clock.ts";
import { ProxyError, toProxyError } from "../core/errors.ts";
import type { Registrar, RegistryOperations } from "../core/registrar.ts";
import type { LabelValue } from "../core/metric_table.ts";
import type { Memory } from "../core/memory.ts";
import type { Address } from "../core/address.ts";
import type { Origin } from "../core/origin.ts";
import type { Metrics } from "../core/contracts.ts";
import type { AddressPolicy } from "./address_policy.ts";
import { refuseOtherNames, refuseOtherSites, requireJson } from "./browser_guard.ts";
import { readBoundedText } from "../core/bounded_body.ts";
import { answerError, answerErrorsInJson } from "./json_answers.ts";
import type { HistoryColumns } from "./history.ts";
import type { Exposition } from "./metrics.ts";
import { originOf, parseRegistration, refuseOwnAddresses } from "./registration.ts";
import { logRefusedRegistration, peekBody } from "./registration_refusal.ts";
import type { ChangeWatch } from "./change_watch.ts";
import type { EventFeed } from "./event_feed.ts";
import { addEvents } from "./event_stream.ts";
import { httpDocument } from "./http_document.ts";
import { choiceOf } from "./paging.ts";
import { systemDocument } from "./system_document.ts";
import { addOrigins } from "./origin_routes.ts";
import type { SessionTallies } from "./session_tallies.ts";
import { addSessions, addStreams, type ClientSessions } from "./stream_routes.ts";
import { addManagementCors, type Management, requireManagement } from "./management.ts";
import { type ApiAccess, bearerToken, holdsToken } from "./token.ts";
import { type About, versionsApp } from "./versions.ts";

/** Whether the proxy takes new clients. */
export interface Readiness {
  readonly ready: boolean;
  /** One word for the operator, such as `draining`. */
  readonly status: string;
  /** Why, if there is something to say. */
  readonly reason?: string;
  /** Days until the first certificate expires, if there are any. */
  readonly days?: number;
}

export interface SystemApiDependencies {
  readonly clock: Clock;
  readonly registrar: Registrar;
  readonly operations: RegistryOperations;
  readonly metrics: Metrics;
  readonly expose: () => Promise<Exposition>;
  /** The figures of all origins. */
  readonly exposeOrigins: () => Promise<string>;
  /** The data of charts of the last minutes. */
  readonly history: () => HistoryColumns;
  readonly readiness: () => Readiness;
  readonly sessions: ClientSessions;
  readonly events: EventFeed;
  /** What leads to events about origins and streams. */
  readonly changes: Pick<ChangeWatch, "begin">;
  /** The sessions by origin and by stream. */
  readonly tallies: () => SessionTallies | Promise<SessionTallies>;
  readonly about: About;
  readonly addresses: AddressPolicy;
  /** The origin with names resolved to addresses. */
  readonly resolved: (origin: Origin) => Promise<Origin>;
  /** Whether the registering program is a proxy, which would end up as its own client. */
  readonly isProxy: (origin: Origin) => Promise<boolean>;
  /** Called with an accepted heartbeat that may be accepted again without checks. */
  accepted(verbatim: string, origin: Origin): void;
  /** The token of origins. */
  access(): ApiAccess;
  /** Whether only origins with a certificate may register. */
  asksForCertificates(): boolean;
  /** Guards everything except registration, health and the proxy's own figures. */
  readonly management: Management;
}

/** What the listener adds to a request. */
export interface SystemEnv {
  readonly peer?: Address;
  readonly isCertified?: boolean;
  /** Where the memory of bodies is taken from. */
  readonly memory?: Memory;
  /** The whole request and who has sent it, if it is short. */
  readonly verbatim?: string | undefined;
}

/** Empty where there is no listener. */
interface Env {
  readonly Bindings: SystemEnv;
}

const REGISTER_PATHS = ["/api/v1/srs/register", "/api/v1/srs/register/:token"];
const BODY_BOUNDS = { limit: 64 * 1024, deadline: 10_000 };

/** The answer to an accepted registration. */
export function registered({ pid }: About) {
  return { code: 0, pid };
}

/** The System API as an app, to be served by a listener of its own. */
export function systemApi(deps: SystemApiDependencies): Hono<Env> {
  const app = new Hono<Env>({ strict: false });
  answerErrorsInJson(app);
  app.use("/api/*", addManagementCors(deps.management));
  // HAProxy's default check and others use this to see whether anybody answers.
  app.options("*", (context) => {
    context.header("Allow", "GET, HEAD, POST, PATCH, DELETE, OPTIONS");
    return context.body(null, 204);
  });
  app.use("/api/*", requireManagement(deps.management, isPublic));
  app.use("/metrics/origins", requireManagement(deps.management, () => false));
  app.route("/", versionsApp(deps.about));
  addRegistration(app, deps);
  addHealth(app, deps);
  addOrigins(app, deps);
  addStreams(app, deps);
  addSessions(app, deps);
  addEvents(app, deps);
  addDocuments(app, deps.about);
  return app;
}

/** Where the console reads about both APIs, since it may not request another port. */
function addDocuments(app: Hono<Env>, { version }: About): void {
  const documents = { system: systemDocument(version), http: httpDocument(version) };
  app.get("/api/v1/openapi.json", (context) => {
    return context.json(documents[choiceOf(context, "api", ["system", "http"]) ?? "system"]);
  });
}

/** Paths with rules of their own, or none. Any other path below `/api/` is for managing. */
function isPublic(path: string): boolean {
  return /^\/api\/v1\/(?:versions\/?$|srs\/register(?:$|\/))/.test(path);
}

function addRegistration(app: Hono<Env>, deps: SystemApiDependencies): void {
  app.on("POST", REGISTER_PATHS, async (context) => {
    let body: string | undefined;
    try {
      requireCertificate(context, deps.asksForCertificates());
      admitOrigin(context, deps.access());
      requireJson(context.req.raw);
      const bounds = { ...BODY_BOUNDS, clock: deps.clock, memory: context.env?.memory };
      body = await readBoundedText(context.req.raw, bounds);
      const origin = originOf(parseRegistration(body), deps.addresses);
      const resolved = await deps.resolved(origin);
      await refuseProxy(resolved, deps);
      await deps.registrar.register(origin);
      const verbatim = context.env?.verbatim;
      // What a name leads to is checked each time, and answers to pages depend on the page.
      const isRepeatable = resolved === origin && context.req.header("origin") === undefined;
      if (verbatim !== undefined && isRepeatable) deps.accepted(verbatim, origin);
    } catch (thrown) {
      const error = toProxyError(thrown);
      deps.metrics.count("srs_proxy_registrations_total", { result: resultOf(error) });
      body ??= await peekBody(context.req.raw, deps.clock);
      const { peer } = context.env ?? {};
      if (error.source !== "internal") logRefusedRegistration({ peer, body, error });
      throw error;
    }
    deps.metrics.count("srs_proxy_registrations_total", { result: "accepted" });
    return context.json(registered(deps.about));
  });
  for (const path of REGISTER_PATHS) {
    app.all(path, (context) => {
      context.header("Allow", "POST");
      return answerError(context, 405, "Cannot register by a method other than POST");
    });
  }
}

async function refuseProxy(
  origin: Origin,
  { addresses, isProxy }: SystemApiDependencies,
): Promise<void> {
  refuseOwnAddresses(origin, addresses);
  if (!await isProxy(origin)) return;
  throw new ProxyError("bad_request", "Cannot register: a proxy answers there, not an origin");
}

function addHealth(app: Hono<Env>, deps: SystemApiDependencies): void {
  app.get("/healthz", (context) => context.json({ code: 0, status: "alive" }));
  app.get("/readyz", (context) => {
    const { ready, status, reason, days } = deps.readiness();
    if (ready) return context.json({ code: 0, status, reason, certificate_days: days });
    return answerError(context, 503, reason ?? status);
  });
  app.get("/metrics", async (context) => {
    const { contentType, text } = await deps.expose();
    return context.body(text, 200, { "content-type": contentType });
  });
  app.get("/api/v1/history", (context) => context.json({ code: 0, ...deps.history() }));
  app.get("/metrics/origins", async (context) => {
    const text = await deps.exposeOrigins();
    return context.body(text, 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
  });
}

function requireCertificate({ env }: Context, isAsked: boolean): void {
  if (!isAsked || env?.isCertified === true) return;
  throw new ProxyError(
    "unauthorized",
    "Cannot accept this request: origins must show a certificate, over TLS",
  );
}

/** Registering requires the token, and is never for web pages. */
function admitOrigin(context: Context, { token }: ApiAccess): void {
  refuseOtherSites(context.req.raw);
  if (token === undefined) return refuseOtherNames(context.req.raw);
  const presented = [
    bearerToken(context.req.header("authorization")),
    context.req.query("token"),
    context.req.param("token"),
  ];
  if (holdsToken(token, presented)) return;
  context.header("WWW-Authenticate", "Bearer");
  throw new ProxyError("unauthorized", "Cannot accept this request: the token is missing or wrong");
}

function resultOf(error: ProxyError): LabelValue<"srs_proxy_registrations_total", "result"> {
  if (error.code === "unauthorized" || error.code === "overloaded") return error.code;
  return error.source === "client" ? "invalid" : "failed";
}
