// The documents are valid OpenAPI, describe exactly what the handlers can do, and answers match them. Answers
// in other tests of these APIs are checked against them too.

import assert from "node:assert/strict";
import { Validator } from "@seriousme/openapi-schema-validator";
import {
  ABOUT,
  type Desk,
  GOOD,
  managementWith,
  openDesk,
  REGISTER,
  SYSTEM_DOCUMENT,
} from "../../tests/support/system_desk.ts";
import type { OperationName, SeenAnswer } from "../../tests/support/documented_api.ts";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import type { Address } from "../core/address.ts";
import { systemClock } from "../core/clock.ts";
import { ProxyError } from "../core/errors.ts";
import { EventFeed } from "./event_feed.ts";
import { httpDocument } from "./http_document.ts";
import { LiveSessions } from "./session_log.ts";
import { SessionTallies } from "./session_tallies.ts";
import { systemDocument } from "./system_document.ts";

const JSON_TYPE = { "content-type": "application/json" };
const AWAY = { host: "203.0.113.7", port: 4711 };
const EXAMPLES: Readonly<Record<string, string>> = {
  ...{ server: "vid-1", key: "v/a/s", session: "play", token: "any" },
};
const ORIGIN = "/api/v1/origins/vid-1";
const LONG = "x".repeat(100_000);

for (const [name, document] of [["System", systemDocument("1")], ["HTTP", httpDocument("1")]]) {
  Deno.test(`the document of the ${name} API is valid OpenAPI 3.1`, async () => {
    const validator = new Validator();
    const result = await validator.validate(structuredClone(document) as Record<string, unknown>);
    assert.deepEqual([result.valid, result.errors], [true, undefined]);
    assert.equal(validator.version, "3.1");
  });
}

Deno.test("the System API has exactly the routes in its document", async () => {
  await using desk = await openDesk();
  await SYSTEM_DOCUMENT.requireRoutes(desk.routes, async (method, path) => {
    return await desk.fetch(new Request(`http://127.0.0.1${path}`, { method }));
  });
});

Deno.test("the System API's answers match its document", async () => {
  await askWhatIsThere();
  await askWrongly();
  await askSlowly();
  await askWithoutLeave();
  await askWithoutRegistry();
  assert.deepEqual(SYSTEM_DOCUMENT.unseen, []);
});

async function askWhatIsThere(): Promise<void> {
  const sessions = new LiveSessions({ capacity: 10 });
  await using desk = await openDesk({
    sessions: { list: (page) => sessions.list(page), kick: () => true },
    tallies: () => new SessionTallies(sessions.all(), (stream) => stream),
    readiness: () => ({ ready: true, status: "ready", reason: "any", days: 7 }),
  });
  await desk.ask("POST", REGISTER, GOOD);
  desk.registry.unreachable("vid-1", "rtmp");
  for (const intent of ["publish", "play"] as const) {
    const request = { stream: "v/a/s", intent, session: intent, protocol: "rtmp" } as const;
    const { id: origin } = await desk.registry.resolve({ ...request, failed: [] });
    await desk.registry.confirm(intent);
    sessions.opened({ ...request, origin, client: "10.0.0.9:1" });
  }
  const { body } = await desk.ask("GET", "/api/v1/openapi.json");
  assert.deepEqual(body, JSON.parse(JSON.stringify(systemDocument(ABOUT.version))));
  const other = await desk.ask("GET", "/api/v1/openapi.json?api=http");
  assert.deepEqual(other.body, JSON.parse(JSON.stringify(httpDocument(ABOUT.version))));
  // Operations that end or forget something come last.
  const all = [...SYSTEM_DOCUMENT.operations].sort((one, two) => rankOf(one) - rankOf(two));
  for (const operation of all) {
    const { status, text } = await see(desk, requestFor(operation));
    assert.equal(status, 200, `${operation.method} ${operation.path} ${text}`);
  }
}

function rankOf({ method, path }: OperationName): number {
  return method !== "DELETE" ? 0 : path.includes("origins") ? 2 : 1;
}

async function askWrongly(): Promise<void> {
  await using desk = await openDesk();
  const change = { method: "PATCH", headers: JSON_TYPE };
  const register = { method: "POST", headers: JSON_TYPE };
  await desk.ask("POST", REGISTER, GOOD);
  const asked: [number, string, RequestInit?][] = [
    [400, "/api/v1/origins?limit=0"],
    [400, "/api/v1/openapi.json?api=other"],
    [400, "/api/v1/streams?live=perhaps"],
    [400, "/api/v1/streams/%ff"],
    [400, "/api/v1/streams/%ff", { method: "DELETE" }],
    [400, "/api/v1/sessions?limit=0"],
    [404, "/api/v1/streams/v/a/none"],
    [404, "/api/v1/streams/v/a/none", { method: "DELETE" }],
    [404, "/api/v1/sessions/none", { method: "DELETE" }],
    [404, "/api/v1/origins/none"],
    [404, "/api/v1/origins/none", { method: "DELETE" }],
    [404, "/api/v1/origins/none", { ...change, body: "{}" }],
    [404, "/api/v1/origins/none/drain", { method: "POST" }],
    [404, "/api/v1/origins/none/undrain", { method: "POST" }],
    [400, ORIGIN, { ...change, body: "{" }],
    [413, ORIGIN, { ...change, body: LONG }],
    [415, ORIGIN, { method: "PATCH", body: "{}" }],
  ];
  for (const path of [REGISTER, `${REGISTER}/any`]) {
    asked.push(
      [400, path, { ...register, body: "{}" }],
      [413, path, { ...register, body: LONG }],
      [415, path, { method: "POST", body: JSON.stringify(GOOD) }],
    );
  }
  for (const [status, path, init] of asked) {
    const answer = await see(desk, new Request(`http://127.0.0.1${path}`, init));
    assert.equal(answer.status, status, `${init?.method ?? "GET"} ${path} ${answer.text}`);
  }
}

async function askSlowly(): Promise<void> {
  const clock = new VirtualClock();
  await using desk = await openDesk({ clock });
  await desk.ask("POST", REGISTER, GOOD);
  for (const [method, path] of [["PATCH", ORIGIN], ["POST", REGISTER], ["POST", `${REGISTER}/x`]]) {
    const url = `http://127.0.0.1${path}`;
    const body = new ReadableStream();
    const answer = see(desk, new Request(url, { method: method!, headers: JSON_TYPE, body }));
    await clock.pass(10_000);
    assert.equal((await answer).status, 408, path);
  }
}

async function askWithoutLeave(): Promise<void> {
  const access = () => ({ token: "right" });
  const guarded = SYSTEM_DOCUMENT.operations.filter(({ isGuarded }) => isGuarded);
  await using free = await openDesk();
  await using closed = await openDesk({
    access,
    management: managementWith({ clock: systemClock, access }),
  });
  const wrong = { authorization: "Bearer wrong" };
  for (const operation of guarded) {
    assert.equal((await see(free, requestFor(operation), AWAY)).status, 403);
    assert.equal((await see(closed, requestFor(operation))).status, 401);
  }
  for (const path of [REGISTER, `${REGISTER}/any`]) {
    const ask = (desk: Desk, headers: Record<string, string>) => {
      const init = { method: "POST", headers: { ...JSON_TYPE, ...headers }, body: "{}" };
      return see(desk, new Request(`http://127.0.0.1${path}`, init));
    };
    assert.equal((await ask(closed, {})).status, 401);
    assert.equal((await ask(free, { origin: "https://evil.example" })).status, 403);
  }
  for (let guess = 0; guess < 10; guess++) await closed.ask("GET", ORIGIN, undefined, wrong);
  for (const operation of guarded) {
    assert.equal((await see(closed, requestFor(operation, wrong))).status, 429);
  }
}

async function askWithoutRegistry(): Promise<void> {
  const fail = () => Promise.reject(new ProxyError("registry_unavailable", "Cannot reach Redis"));
  // deno-lint-ignore no-explicit-any
  const failing = new Proxy({} as any, { get: () => fail });
  const events = new EventFeed({ onDropped: () => {} });
  while (events.listeners < 200) events.listen(undefined);
  await using desk = await openDesk({
    ...{ registrar: failing, operations: failing, events, exposeOrigins: fail },
    readiness: () => ({ ready: false, status: "draining" }),
  });
  for (const operation of SYSTEM_DOCUMENT.operations) {
    if (!operation.statuses.includes(503)) continue;
    const { status, text } = await see(desk, requestFor(operation));
    assert.equal(status, 503, `${operation.method} ${operation.path} ${text}`);
  }
}

async function see(desk: Desk, request: Request, peer?: Address): Promise<SeenAnswer> {
  const response = await (peer === undefined ? desk.fetch(request) : desk.fetch(request, { peer }));
  return await SYSTEM_DOCUMENT.read(request, response);
}

/** A valid request. */
function requestFor({ method, path }: OperationName, headers: Record<string, string> = {}) {
  const url = `http://127.0.0.1${path.replace(/\{(\w+)\}/g, (_, name) => EXAMPLES[name]!)}`;
  const sent = method === "PATCH"
    ? { weight: 5, labels: ["a"] }
    : path.includes("register") && GOOD;
  if (!sent) return new Request(url, { method, headers });
  const body = JSON.stringify(sent);
  return new Request(url, { method, headers: { ...JSON_TYPE, ...headers }, body });
}
