import assert from "node:assert/strict";
import type { Directory } from "../core/directory.ts";
import { configureLog } from "../core/log.ts";
import { ProxyError } from "../core/errors.ts";
import { MemoryStore } from "../registry/memory_store.ts";
import { Registry } from "../registry/registry.ts";
import { PrometheusMetrics } from "./metrics.ts";
import { systemApi, type SystemApiPorts } from "./system_api.ts";
import { versionsApp } from "./versions.ts";

const REGISTER = "/api/v1/srs/register";
const GOOD = { ip: "10.0.0.1", server: "vid-1", service: "s-1", pid: "42", rtmp: ["1935"] };
const NUMBERS = { major: 1, minor: 2, revision: 3, version: "1.2.3" };
const ABOUT = { signature: "proxy", version: "1.2.3", numbers: NUMBERS, pid: "7" };

/** The API in front of a real registry. */
interface Desk extends AsyncDisposable {
  readonly registry: Registry;
  readonly metrics: PrometheusMetrics;
  readonly fetch: (request: Request) => Response | Promise<Response>;
  /** Status and JSON body of the answer. */
  readonly ask: (
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ) => Promise<{ status: number; body: Record<string, unknown>; headers: Headers }>;
}

async function openDesk(options: Partial<SystemApiPorts> = {}): Promise<Desk> {
  const metrics = new PrometheusMetrics();
  const store = new MemoryStore({ maxOrigins: 3, maxStreams: 500 });
  const times = { originTtl: 60_000, streamIdle: 60_000 };
  const registry = await Registry.open({ store, metrics, ...times });
  const app = systemApi({
    directory: registry,
    metrics,
    expose: () => metrics.expose(),
    readiness: () => ({ ready: true, status: "ready" }),
    sessions: { list: () => [], kick: () => false },
    about: ABOUT,
    addresses: {
      allow: [],
      ownAddresses: () => [{ transport: "tcp", host: "0.0.0.0", port: 11935 }],
      otherProxies: () => [],
      localIps: () => ["10.0.0.1"],
    },
    isProxy: () => Promise.resolve(false),
    access: {},
    ...options,
  });
  return {
    registry,
    metrics,
    fetch: (request) => app.fetch(request),
    ask: async (method, path, body, headers = {}) => {
      const text = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
      const init = text === undefined
        ? { method, headers }
        : { method, headers: { "content-type": "application/json", ...headers }, body: text };
      const response = await app.request(path, init);
      return {
        status: response.status,
        body: await response.json(),
        headers: response.headers,
      };
    },
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  };
}

async function registrations(desk: Desk, result: string): Promise<number> {
  const { text } = await desk.metrics.expose();
  const prefix = `srs_proxy_registrations_total{result="${result}"} `;
  const line = text.split("\n").find((candidate) => candidate.startsWith(prefix));
  return line === undefined ? 0 : Number(line.slice(prefix.length));
}

Deno.test("a heartbeat is answered with code 0 and the pid as a text", async () => {
  await using desk = await openDesk();
  const { status, body } = await desk.ask("POST", REGISTER, { ...GOOD, unknown: { key: 1 } });
  assert.equal(status, 200);
  assert.deepEqual(body, { code: 0, pid: "7" });
  assert.equal((await desk.registry.origins())[0]?.origin.id, "vid-1");
  assert.equal(await registrations(desk, "accepted"), 1);
});

Deno.test("a page in a browser registers nothing and ends nothing", async () => {
  const kicked: string[] = [];
  const kick = (session: string) => kicked.push(session) > 0;
  await using desk = await openDesk({ sessions: { list: () => [], kick } });
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

Deno.test("a browser with the token may come by any name", async () => {
  await using desk = await openDesk({ access: { token: "right" } });
  const headers = { host: "proxy.example.com", "accept-language": "de" };
  assert.equal((await desk.ask("GET", "/api/v1/origins", undefined, headers)).status, 401);
  const authorization = "Bearer right";
  const answer = await desk.ask("GET", "/api/v1/origins", undefined, { ...headers, authorization });
  assert.equal(answer.status, 200);
});

Deno.test("a bad registration is answered with an error alone and changes nothing", async () => {
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

Deno.test("without the token nobody registers, with it everybody does", async () => {
  await using desk = await openDesk({ access: { token: "right/1" } });
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

Deno.test("a token that is not asked for does no harm", async () => {
  await using desk = await openDesk();
  assert.equal((await desk.ask("POST", `${REGISTER}/any?token=thing`, GOOD)).status, 200);
});

Deno.test("an origin too many is told that there is no room", async () => {
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

Deno.test("a registry that fails is an error without its inside", async () => {
  const broken: Pick<Directory, "register"> = {
    register: () => Promise.reject(new Error("secret inside")),
  };
  await using desk = await openDesk({ directory: broken as Directory });
  const answer = await desk.ask("POST", REGISTER, GOOD);
  assert.deepEqual([answer.status, answer.body], [500, { code: 500, data: "Internal error" }]);
  assert.equal(await registrations(desk, "failed"), 1);
});

Deno.test("a registry that is away is told as such", async () => {
  const away: Pick<Directory, "register"> = {
    register: () => Promise.reject(new ProxyError("registry_unavailable", "Cannot reach it")),
  };
  await using desk = await openDesk({ directory: away as Directory });
  assert.equal((await desk.ask("POST", REGISTER, GOOD)).status, 503);
});

Deno.test("a large body is refused over a real connection, announced or not", async () => {
  await using desk = await openDesk();
  const listen = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  await using server = Deno.serve(listen, desk.fetch);
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

Deno.test("versions are told in SRS's shape and in the reference's at once", async () => {
  await using desk = await openDesk();
  const { body } = await desk.ask("GET", "/api/v1/versions");
  assert.deepEqual(body, {
    code: 0,
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

Deno.test("readiness follows the program, life does not", async () => {
  let ready = true;
  await using desk = await openDesk({
    readiness: () => ({ ready, status: ready ? "ready" : "draining" }),
  });
  assert.deepEqual((await desk.ask("GET", "/readyz")).body, { code: 0, status: "ready" });
  ready = false;
  const answer = await desk.ask("GET", "/readyz");
  assert.deepEqual([answer.status, answer.body], [503, { code: 503, data: "draining" }]);
  assert.equal((await desk.ask("GET", "/healthz")).status, 200);
});

Deno.test("numbers are exposed for Prometheus", async () => {
  await using desk = await openDesk();
  const response = await desk.fetch(new Request("http://127.0.0.1/metrics"));
  assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  assert.match(await response.text(), /^srs_proxy_origins 0$/m);
});

Deno.test("origins are listed with what they offer and how they are", async () => {
  await using desk = await openDesk();
  const body = { ...GOOD, device_id: "d", rtc: ["udp://0.0.0.0:8000"] };
  await desk.ask("POST", REGISTER, body);
  desk.registry.unreachable("vid-1", "rtmp");
  const { origins } = (await desk.ask("GET", "/api/v1/origins")).body;
  assert.ok(Array.isArray(origins));
  const { set_aside_for_ms, expires_in_ms, ...rest } = origins[0];
  assert.deepEqual(Object.keys(set_aside_for_ms), ["rtmp"]);
  assert.ok(set_aside_for_ms.rtmp > 0 && set_aside_for_ms.rtmp <= 1_000);
  assert.ok(expires_in_ms > 50_000 && expires_in_ms <= 60_000);
  assert.deepEqual(rest, {
    server: "vid-1",
    generation: "s-1/42",
    device_id: "d",
    ip: "10.0.0.1",
    rtmp: ["10.0.0.1:1935"],
    http: [],
    api: [],
    srt: [],
    rtc: ["10.0.0.1:8000"],
    shared_addresses: [],
    streams: 0,
    state: "set_aside",
  });
});

Deno.test("an address that two origins announce is listed with both, and logged once", async () => {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  await using _log = await configureLog({ level: "warning", format: "text", write });
  let upkeep = () => Promise.resolve();
  const every = (_period: number, callback: () => Promise<void>) => {
    upkeep = callback;
    return { [Symbol.dispose]: () => {} };
  };
  const store = new MemoryStore({ maxOrigins: 3, maxStreams: 500 });
  const metrics = new PrometheusMetrics();
  const times = { originTtl: 60_000, streamIdle: 60_000 };
  await using registry = await Registry.open({ store, metrics, ...times, every });
  await using desk = await openDesk({ directory: registry });
  const rtc = ["udp://0.0.0.0:8000"];
  await desk.ask("POST", REGISTER, { ...GOOD, rtc });
  await desk.ask("POST", REGISTER, { ...GOOD, server: "vid-2", rtmp: ["1936"], rtc });
  const { origins } = (await desk.ask("GET", "/api/v1/origins")).body;
  assert.ok(Array.isArray(origins));
  for (const { shared_addresses } of origins) {
    const both = ["vid-1", "vid-2"];
    assert.deepEqual(shared_addresses, [{ address: "udp 10.0.0.1:8000", origins: both }]);
  }
  await upkeep();
  await upkeep();
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /WARN.* same address address="udp 10.0.0.1:8000" origins="vid-1,vid-2"/);
});

Deno.test("lists come page by page", async () => {
  await using desk = await openDesk();
  for (const server of ["c", "a", "b"]) await desk.ask("POST", REGISTER, { ...GOOD, server });
  const first = (await desk.ask("GET", "/api/v1/origins?limit=2")).body;
  assert.deepEqual(serversOf(first), ["a", "b"]);
  const last = (await desk.ask("GET", `/api/v1/origins?limit=2&after=${first.next}`)).body;
  assert.deepEqual([serversOf(last), last.next], [["c"], undefined]);
  for (let stream = 0; stream < 150; stream++) {
    const request = { protocol: "rtmp", intent: "play", failed: [] } as const;
    await desk.registry.resolve({ ...request, stream: `v/a/${stream}`, session: `s${stream}` });
  }
  const page = (await desk.ask("GET", "/api/v1/streams")).body;
  assert.ok(Array.isArray(page.streams));
  assert.equal(page.streams.length, 100);
  assert.deepEqual(Object.keys(page.streams[0]), ["stream", "origin", "confirmed"]);
  const rest = (await desk.ask("GET", `/api/v1/streams?after=${page.next}`)).body;
  assert.ok(Array.isArray(rest.streams));
  assert.equal(rest.streams.length, 50);
});

Deno.test("a page of no size, or of any size, is refused", async () => {
  await using desk = await openDesk();
  for (const query of ["limit=0", "limit=1001", "limit=-1", "limit=x", "limit=1.5"]) {
    assert.equal((await desk.ask("GET", `/api/v1/streams?${query}`)).status, 400, query);
    assert.equal((await desk.ask("GET", `/api/v1/origins?${query}`)).status, 400, query);
  }
  assert.equal((await desk.ask("GET", "/api/v1/streams?after=nonsense")).status, 400);
});

Deno.test("lists need the token when there is one", async () => {
  await using desk = await openDesk({ access: { token: "right" } });
  for (const path of ["/api/v1/origins", "/api/v1/streams"]) {
    assert.equal((await desk.ask("GET", path)).status, 401);
    assert.equal((await desk.ask("GET", `${path}?token=right`)).status, 200);
  }
  assert.equal((await desk.ask("GET", "/readyz")).status, 200);
});

function serversOf(body: Record<string, unknown>): string[] {
  assert.ok(Array.isArray(body.origins));
  return body.origins.map(({ server }) => server);
}

Deno.test("open sessions are listed page by page, and one can be ended", async () => {
  const open = ["s1", "s2", "s3"].map((session) => ({
    session,
    protocol: "http",
    intent: "play" as const,
    stream: "v/a/s",
    origin: "o",
    client: "10.0.0.9:5",
    seconds: 1,
  }));
  const kicked: string[] = [];
  await using desk = await openDesk({
    access: { token: "secret" },
    sessions: {
      list: ({ limit, after }) => {
        const start = open.findIndex(({ session }) => session === after) + 1;
        return open.slice(start, start + limit);
      },
      kick: (session) => {
        kicked.push(session);
        return session === "s2";
      },
    },
  });
  const headers = { authorization: "Bearer secret" };
  const path = "/api/v1/sessions";
  const first = await desk.ask("GET", `${path}?limit=2`, undefined, headers);
  assert.deepEqual(first.body, { code: 0, sessions: open.slice(0, 2), next: "s2" });
  const second = await desk.ask("GET", `${path}?limit=2&after=s2`, undefined, headers);
  assert.deepEqual(second.body, { code: 0, sessions: open.slice(2) });
  assert.equal((await desk.ask("GET", path)).status, 401);
  assert.equal((await desk.ask("DELETE", `${path}/s2`)).status, 401);
  assert.deepEqual(kicked, []);
  assert.equal((await desk.ask("DELETE", `${path}/s2`, undefined, headers)).status, 200);
  assert.equal((await desk.ask("DELETE", `${path}/s9`, undefined, headers)).status, 404);
  assert.deepEqual(kicked, ["s2", "s9"]);
});
