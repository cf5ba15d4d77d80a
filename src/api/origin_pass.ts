// Passes requests to the API of one origin, for whatever SRS offers there beyond the merged answers. Off by
// default, since SRS reloads by GET.

import { type Context, Hono } from "hono";
import { readBoundedBytes } from "../core/bounded_body.ts";
import type { Clock } from "../core/clock.ts";
import { ProxyError } from "../core/errors.ts";
import { logger } from "../core/log.ts";
import { RefusedRequest } from "./browser_guard.ts";
import { answerErrorsInJson } from "./json_answers.ts";
import type { Management } from "./management.ts";
import type { OriginAnswers } from "./origin_answers.ts";

const LOG = logger("api");
const PATTERN = "/api/v1/origins/:server/proxy/*";
const PATH = /^\/api\/v1\/origins\/[^/]*\/proxy(\/.*)$/;
const BODY = { limit: 64 * 1024, deadline: 10_000 };
const LONGEST_ANSWER = 16 * 1024 * 1024;
const PATIENCE = 10_000;
const BODILESS: readonly number[] = [204, 205, 304];

export interface OriginPassDependencies {
  readonly clock: Clock;
  readonly answers: OriginAnswers;
  readonly management: Management;
  isOn(): boolean;
}

/** The routes, to be mounted where only those who may manage can reach them. */
export function originPass(deps: OriginPassDependencies): Hono {
  const app = new Hono();
  answerErrorsInJson(app);
  app.all(PATTERN, async (context) => {
    if (!deps.isOn()) {
      throw new RefusedRequest(403, "Cannot pass requests to origins: PROXY_API_PASS is off");
    }
    deps.management.requireKnownPage(context.req.raw);
    return await pass(context, deps);
  });
  return app;
}

async function pass(
  context: Context,
  { clock, answers }: OriginPassDependencies,
): Promise<Response> {
  const { pathname, search } = new URL(context.req.url);
  const [, path] = PATH.exec(pathname) ?? [];
  if (path === undefined) throw new ProxyError("not_found", "Not found");
  const server = context.req.param("server") ?? "";
  const { method } = context.req;
  const bytes = await readBoundedBytes(context.req.raw, { ...BODY, clock });
  const type = context.req.header("content-type") ?? "application/octet-stream";
  const body = bytes.length === 0 ? undefined : { type, bytes };
  const question = { method, target: `${path}${search}`, body, limit: LONGEST_ANSWER };
  const reply = await answers.askOne(server, question, PATIENCE);
  LOG.info("Request passed to an origin", { origin: server, method, path, status: reply.status });
  const headers = new Headers({
    "content-type": reply.type || "application/octet-stream",
    // Whatever it is, it must not run scripts in the proxy's name.
    "content-security-policy": "sandbox; default-src 'none'",
  });
  if (reply.location !== undefined) headers.set("location", locationOf(reply.location, server));
  const hasBody = method !== "HEAD" && !BODILESS.includes(reply.status);
  return new Response(hasBody ? reply.body : null, { status: reply.status, headers });
}

/** A path of the origin leads back to it through the proxy; its address is removed. */
function locationOf(location: string, server: string): string {
  const base = "http://origin";
  if (!URL.canParse(location, base)) return "/";
  const { pathname, search } = new URL(location, base);
  return `/api/v1/origins/${encodeURIComponent(server)}/proxy${pathname}${search}`;
}
