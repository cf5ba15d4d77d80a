import assert from "node:assert/strict";
import type { Registrar } from "../core/registrar.ts";
import { systemClock } from "../core/clock.ts";
import { configureLog } from "../core/log.ts";
import { ProxyError } from "../core/errors.ts";
import {
  ABOUT,
  type Desk,
  GOOD,
  managementWith,
  NUMBERS,
  openDesk,
  REGISTER,
} from "../../tests/support/system_desk.ts";
import { versionsApp } from "./versions.ts";

async function registrations(desk: Desk, result: string): Promise<number> {
  const { text } = await desk.metrics.expose();
  const prefix = `srs_proxy_registrations_total{result="${result}"} `;
  const line = text.split("\n").find((candidate) => candidate.startsWith(prefix));
  return line === undefined ? 0 : Number(line.slice(prefix.length));
}

Deno.test("a heartbeat is answered with code 0 and the pid as text", async () => {
  await using desk = await openDesk();
  const { status, body } = await desk.ask("POST", REGISTER, { ...GOOD, unknown: { key: 1 } });
  assert.equal(status, 200);
  assert.deepEqual(body, { code: 0, pid: "7" });
  assert.equal((await desk.registry.origins())[0]?.origin.id, "vid-1");
  assert.equal(await registrations(desk, "accepted"), 1);
});

Deno.test("a page in a browser can neither register nor end anything", async () => {
  const kicked: string[] = [];
  const kick = (session: string) => kicked.push(session) > 0;
  await using desk = await openDesk({
    sessions: { list: () => ({ sessions: [], next: undefined, total: 0 }), kick },
  });
  for (const type of ["text/plain", "application/x-www-form-urlencoded", ""]) {
    const answer = await desk.ask("POST", REGISTER, GOOD, { "content-type": type });
    assert.equal(answer.status, 415);
  }
  const host = "127.0.0.1:12025";
  for (
    const headers of [{ host, origin: "http://evil.example" }, {
      host: "rebound.test:12025",
      origin: "http://rebound.test:12025",
    }]
  ) {
    assert.equal((await desk.ask("POST", REGISTER, GOOD, headers)).status, 403);
    const path = "/api/v1/sessions/s1";
    assert.equal((await desk.ask("DELETE", path, undefined, headers)).status, 403);
  }
  const rebound = { host: "rebound.test:12025", "accept-language": "de" };
  for (const path of ["/api/v1/sessions", "/api/v1/origins", "/api/v1/streams"]) {
    assert.equal((await desk.ask("GET", path, undefined, rebound)).status, 403);
  }
  assert.deepEqual([await desk.registry.origins(), kicked], [[], []]);
  assert.equal(await registrations(desk, "invalid"), 5);
});

Deno.test("OPTIONS is answered for every path, and opens nothing to pages of other sites", async () => {
  await using desk = await openDesk({ access: () => ({ token: "right" }) });
  for (const path of ["/", "/readyz", REGISTER, "/api/v1/sessions/s1", "/no/such"]) {
    const headers = { origin: "http://evil.example", "access-control-request-method": "POST" };
    const answer = await desk.fetch(
      new Request(`http://127.0.0.1${path}`, { method: "OPTIONS", headers }),
    );
    assert.equal(answer.status, 204, path);
    assert.equal(answer.headers.get("allow"), "GET, HEAD, POST, PATCH, DELETE, OPTIONS");
    const names = [...answer.headers.keys()];
    assert.ok(!names.some((name) => name.startsWith("access-control-")), path);
  }
});

Deno.test("a browser with the token may use any host name", async () => {
  await using desk = await openDesk({
    management: managementWith({ clock: systemClock, access: () => ({ token: "right" }) }),
  });
  const headers = { host: "proxy.example.com", "accept-language": "de" };
  assert.equal((await desk.ask("GET", "/api/v1/origins", undefined, headers)).status, 401);
  const authorization = "Bearer right";
  const answer = await desk.ask("GET", "/api/v1/origins", undefined, { ...headers, authorization });
  assert.equal(answer.status, 200);
});

Deno.test("an invalid registration gets only an error and changes nothing", async () => {
  await using desk = await openDesk();
  for (const bad of ["", "{", "[]", { ...GOOD, ip: 5 }, { ...GOOD, rtmp: ["0"] }]) {
    const { status, body } = await desk.ask("POST", REGISTER, bad);
    assert.equal(status, 400);
    assert.deepEqual(Object.keys(body), ["code", "data"]);
    assert.equal(body.code, 400);
    assert.match(String(body.data), /^Cannot /);
  }
  assert.equal(await registrations(desk, "invalid"), 5);
  assert.deepEqual(await desk.registry.origins(), []);
});

Deno.test("the proxy does not register itself", async () => {
  await using desk = await openDesk();
  assert.equal((await desk.ask("POST", REGISTER, { ...GOOD, rtmp: ["11935"] })).status, 400);
});

Deno.test("nor another proxy", async () => {
  await using desk = await openDesk({ isProxy: ({ ip }) => Promise.resolve(ip === "10.0.0.7") });
  const answer = await desk.ask("POST", REGISTER, { ...GOOD, ip: "10.0.0.7" });
  assert.equal(answer.status, 400);
  assert.match(String(answer.body.data), /a proxy answers there/);
  assert.equal((await desk.ask("POST", REGISTER, GOOD)).status, 200);
});

Deno.test("registering requires the token", async () => {
  await using desk = await openDesk({ access: () => ({ token: "right/1" }) });
  const wrong: [string, Record<string, string>][] = [
    [REGISTER, {}],
    [REGISTER, { authorization: "Bearer wrong" }],
    [REGISTER, { authorization: "Basic right/1" }],
    [`${REGISTER}?token=wrong`, {}],
    [`${REGISTER}?token=`, {}],
    [`${REGISTER}/wrong`, {}],
  ];
  for (const [path, headers] of wrong) {
    const answer = await desk.ask("POST", path, GOOD, headers);
    assert.equal(answer.status, 401, path);
    assert.equal(answer.body.code, 401);
    assert.equal(answer.headers.get("www-authenticate"), "Bearer");
  }
  assert.equal(await registrations(desk, "unauthorized"), wrong.length);
  assert.deepEqual(await desk.registry.origins(), []);
  const right: [string, Record<string, string>][] = [
    [REGISTER, { authorization: "Bearer right/1" }],
    [`${REGISTER}?token=right%2F1`, {}],
    [`${REGISTER}/right%2F1`, {}],
  ];
  for (const [path, headers] of right) {
    assert.equal((await desk.ask("POST", path, GOOD, headers)).status, 200, path);
  }
});

Deno.test("an unnecessary token does no harm", async () => {
  await using desk = await openDesk();
  assert.equal((await desk.ask("POST", `${REGISTER}/any?token=thing`, GOOD)).status, 200);
});

Deno.test("an origin beyond the limit is told that there is no room", async () => {
  await using desk = await openDesk();
  for (const server of ["a", "b", "c"]) {
    assert.equal((await desk.ask("POST", REGISTER, { ...GOOD, server })).status, 200);
  }
  const answer = await desk.ask("POST", REGISTER, { ...GOOD, server: "d" });
  assert.equal(answer.status, 503);
  assert.deepEqual(Object.keys(answer.body), ["code", "data"]);
  assert.equal(await registrations(desk, "overloaded"), 1);
  assert.equal((await desk.ask("POST", REGISTER, { ...GOOD, server: "a" })).status, 200);
});

Deno.test("a failing registry causes an error without internal details", async () => {
  const broken: Pick<Registrar, "register"> = {
    register: () => Promise.reject(new Error("secret inside")),
  };
  await using desk = await openDesk({ registrar: broken as Registrar });
  const answer = await desk.ask("POST", REGISTER, GOOD);
  assert.deepEqual([answer.status, answer.body], [500, { code: 500, data: "Internal error" }]);
  assert.equal(await registrations(desk, "failed"), 1);
});

Deno.test("an unavailable registry is reported as such", async () => {
  const away: Pick<Registrar, "register"> = {
    register: () => Promise.reject(new ProxyError("registry_unavailable", "Cannot reach it")),
  };
  await using desk = await openDesk({ registrar: away as Registrar });
  assert.equal((await desk.ask("POST", REGISTER, GOOD)).status, 503);
});

Deno.test("a large body is refused over a real connection, announced or not", async () => {
  await using desk = await openDesk();
  const listen = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  await using server = Deno.serve(listen, (request) => desk.fetch(request));
  const url = `http://127.0.0.1:${server.addr.port}${REGISTER}`;
  const headers = { "content-type": "application/json" };
  const announced = await fetch(url, { method: "POST", headers, body: "x".repeat(10_000_000) });
  assert.equal(announced.status, 413);
  assert.equal((await announced.json()).code, 413);
  const chunks = ReadableStream.from(Array.from({ length: 160 }, () => new Uint8Array(65_536)));
  const unannounced = await fetch(url, { method: "POST", headers, body: chunks });
  assert.equal(unannounced.status, 413);
  assert.equal((await unannounced.json()).code, 413);
  const good = await fetch(url, { method: "POST", headers, body: JSON.stringify(GOOD) });
  assert.deepEqual(await good.json(), { code: 0, pid: "7" });
});

Deno.test("other methods and paths are refused in JSON", async () => {
  await using desk = await openDesk();
  for (const path of [REGISTER, `${REGISTER}/token`]) {
    const answer = await desk.ask("GET", path);
    assert.deepEqual([answer.status, answer.body.code], [405, 405]);
    assert.equal(answer.headers.get("allow"), "POST");
  }
  for (const path of ["/", "/api/v1/srs", "/api/v1/srs/register/a/b", "/nothing"]) {
    assert.equal((await desk.ask("GET", path)).body.code, 404, path);
  }
});

Deno.test("versions are shown in SRS's shape and in the reference's at once", async () => {
  await using desk = await openDesk();
  const { body } = await desk.ask("GET", "/api/v1/versions");
  assert.deepEqual(body, {
    code: 0,
    server: "proxy",
    service: "s7",
    pid: "7",
    signature: "proxy",
    version: "1.2.3",
    data: NUMBERS,
  });
});

Deno.test("a listener with nothing but versions refuses the rest in JSON", async () => {
  const app = versionsApp(ABOUT);
  assert.equal((await app.request("/api/v1/versions")).status, 200);
  const answer = await app.request("/rtc/v1/whip/", { method: "POST" });
  assert.deepEqual(await answer.json(), { code: 404, data: "Not found" });
});

Deno.test("readiness follows the program's state, liveness does not", async () => {
  let ready = true;
  let reason: string | undefined;
  await using desk = await openDesk({
    readiness: () => ({ ready, status: ready ? "ready" : "draining", ...(reason && { reason }) }),
  });
  assert.deepEqual((await desk.ask("GET", "/readyz")).body, { code: 0, status: "ready" });
  ready = false;
  const answer = await desk.ask("GET", "/readyz");
  assert.deepEqual([answer.status, answer.body], [503, { code: 503, data: "draining" }]);
  reason = "No lane serves clients";
  assert.deepEqual((await desk.ask("GET", "/readyz")).body, { code: 503, data: reason });
  reason = "No lane serves clients";
  assert.deepEqual((await desk.ask("GET", "/readyz")).body, { code: 503, data: reason });
  assert.equal((await desk.ask("GET", "/healthz")).status, 200);
});

Deno.test("metrics are exposed for Prometheus", async () => {
  await using desk = await openDesk();
  const response = await desk.fetch(new Request("http://127.0.0.1/metrics"));
  assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  assert.match(await response.text(), /^srs_proxy_origins 0$/m);
});

Deno.test("a refused registration is a warning that says who has sent it and for whom", async () => {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line.slice(line.indexOf(" ") + 1).trimEnd());
  await using _log = await configureLog({ level: "info", format: "text", write });
  await using desk = await openDesk({ access: () => ({ token: "right" }) });
  const send = async (body: unknown, token: string) => {
    const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
    const init = { method: "POST", headers, body: JSON.stringify(body) };
    const peer = { host: "10.0.0.9", port: 4711 };
    await desk.fetch(new Request(`http://proxy${REGISTER}`, init), { peer });
  };
  await send({ ...GOOD, device_id: "hall 3" }, "wrong");
  await send({ ...GOOD, rtmp: ["0"] }, "right");
  const [unauthorized = "", invalid = ""] = lines;
  const start = "WARNING api: Registration refused peer=10.0.0.9:4711";
  assert.ok(unauthorized.startsWith(`${start} server=vid-1 device_id="hall 3" code=unauthorized`));
  assert.ok(invalid.startsWith(`${start} server=vid-1 code=bad_request`), invalid);
  assert.equal(lines.length, 2);
});

Deno.test("overlong fields of a refused registration are left out of the log", async () => {
  const lines: string[] = [];
  await using _log = await configureLog({
    level: "info",
    format: "text",
    write: (line) => void lines.push(line),
  });
  await using desk = await openDesk({ access: () => ({ token: "right" }) });
  const body = JSON.stringify({ server: "x".repeat(10_000) });
  const headers = { "content-type": "application/json" };
  const init = { method: "POST", headers, body };
  const peer = { host: "10.0.0.9", port: 4711 };
  await desk.fetch(new Request(`http://proxy${REGISTER}`, init), { peer });
  const [line = ""] = lines;
  assert.match(line, /Registration refused peer=10\.0\.0\.9:4711 code=unauthorized/);
});
