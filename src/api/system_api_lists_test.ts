import assert from "node:assert/strict";
import { systemClock } from "../core/clock.ts";
import { configureLog } from "../core/log.ts";
import { MemoryStore } from "../registry/memory_store.ts";
import { Registry } from "../registry/registry.ts";
import { GOOD, managementWith, openDesk, REGISTER } from "../../tests/support/system_desk.ts";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { PrometheusMetrics } from "./metrics.ts";

Deno.test("origins are listed with what they offer and their state", async () => {
  await using desk = await openDesk();
  const body = { ...GOOD, device_id: "d", rtc: ["udp://0.0.0.0:8000"] };
  await desk.ask("POST", REGISTER, body);
  desk.registry.unreachable("vid-1", "rtmp");
  const { origins } = (await desk.ask("GET", "/api/v1/origins")).body;
  assert.ok(Array.isArray(origins));
  const { set_aside_for_ms, expires_in_ms, last_heartbeat_ms, ...rest } = origins[0];
  assert.deepEqual(Object.keys(set_aside_for_ms), ["rtmp"]);
  assert.ok(set_aside_for_ms.rtmp > 0 && set_aside_for_ms.rtmp <= 1_000);
  assert.ok(expires_in_ms > 50_000 && expires_in_ms <= 60_000);
  assert.ok(last_heartbeat_ms >= 0 && last_heartbeat_ms < 10_000);
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
    state: "suspect",
    draining: false,
    weight: 100,
    labels: [],
    publishers: 0,
    viewers: 0,
    bit_rate_in: 0,
    bit_rate_out: 0,
    failures: { rtmp: 1 },
  });
});

Deno.test("an address that two origins announce is listed with both, and logged once", async () => {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  await using _log = await configureLog({ level: "warning", format: "text", write });
  const clock = new VirtualClock();
  const store = new MemoryStore({ maxOrigins: 3, maxStreams: 500, now: clock.now });
  const metrics = new PrometheusMetrics();
  const times = { originTtl: 60_000, streamIdle: 60_000 };
  await using registry = await Registry.open({ store, metrics, ...times, clock });
  await using desk = await openDesk({ registrar: registry });
  const rtc = ["udp://0.0.0.0:8000"];
  await desk.ask("POST", REGISTER, { ...GOOD, rtc });
  await desk.ask("POST", REGISTER, { ...GOOD, server: "vid-2", rtmp: ["1936"], rtc });
  const { origins } = (await desk.ask("GET", "/api/v1/origins")).body;
  assert.ok(Array.isArray(origins));
  for (const { shared_addresses } of origins) {
    const both = ["vid-1", "vid-2"];
    assert.deepEqual(shared_addresses, [{ address: "udp 10.0.0.1:8000", origins: both }]);
  }
  await clock.pass(15_000);
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
  assert.deepEqual(Object.keys(page.streams[0]), [
    ...["stream", "origin", "confirmed", "live", "seconds"],
    ...["publishers", "viewers", "viewers_by_protocol", "bit_rate_in", "bit_rate_out"],
  ]);
  assert.deepEqual([first.total, page.total], [3, 150]);
  const rest = (await desk.ask("GET", `/api/v1/streams?after=${page.next}`)).body;
  assert.ok(Array.isArray(rest.streams));
  assert.equal(rest.streams.length, 50);
});

Deno.test("a page size of 0, or over the limit, is refused", async () => {
  await using desk = await openDesk();
  for (const query of ["limit=0", "limit=1001", "limit=-1", "limit=x", "limit=1.5"]) {
    assert.equal((await desk.ask("GET", `/api/v1/streams?${query}`)).status, 400, query);
    assert.equal((await desk.ask("GET", `/api/v1/origins?${query}`)).status, 400, query);
  }
  assert.equal((await desk.ask("GET", "/api/v1/streams?after=nonsense")).status, 400);
});

Deno.test("managing requires the administrator's token, and no other", async () => {
  await using desk = await openDesk({
    access: () => ({ token: "origins" }),
    management: managementWith({ clock: systemClock, access: () => ({ token: "right" }) }),
  });
  const right = { authorization: "Bearer right" };
  const wrong = { authorization: "Bearer origins" };
  for (const path of ["origins", "streams", "sessions", "anything/new"]) {
    const ask = (headers?: Record<string, string>, query = "") =>
      desk.ask("GET", `/api/v1/${path}${query}`, undefined, headers);
    const answer = await ask();
    assert.deepEqual([answer.status, answer.body.code], [401, 401], path);
    assert.match(answer.headers.get("www-authenticate") ?? "", /^Bearer, Basic realm="srs-proxy"/);
    assert.equal((await ask(wrong)).status, 401);
    assert.equal((await ask({}, "?token=right")).status, 401, "URLs end up in logs");
    assert.equal((await ask(right)).status, path === "anything/new" ? 404 : 200);
  }
  const register = (headers: Record<string, string>) => desk.ask("POST", REGISTER, GOOD, headers);
  assert.deepEqual([(await register(right)).status, (await register(wrong)).status], [401, 200]);
  for (const path of ["/readyz", "/healthz", "/api/v1/versions", "/api/v1/versions/"]) {
    assert.equal((await desk.ask("GET", path)).status, 200, path);
  }
  const metrics = await desk.fetch(new Request("http://127.0.0.1/metrics"));
  assert.equal(metrics.status, 200);
  await metrics.body?.cancel();
});

Deno.test("a script without the token does not make the browser ask for it", async () => {
  await using desk = await openDesk({
    management: managementWith({ clock: systemClock, access: () => ({ token: "right" }) }),
  });
  const headers = { "sec-fetch-dest": "empty" };
  const answer = await desk.ask("GET", "/api/v1/origins", undefined, headers);
  assert.equal(answer.headers.get("www-authenticate"), "Bearer");
});

Deno.test("without a token only clients on this machine may manage", async () => {
  await using desk = await openDesk();
  const from = async (host: string) => {
    const request = new Request("http://proxy:12025/api/v1/origins");
    const response = await desk.fetch(request, { peer: { host, port: 1 } });
    await response.body?.cancel();
    return response.status;
  };
  assert.deepEqual([await from("127.0.0.1"), await from("10.0.0.9")], [200, 403]);
});

Deno.test("only pages of named sites may read management answers", async () => {
  const sites = ["https://console.example"];
  await using desk = await openDesk({
    management: managementWith({ clock: systemClock, sites: () => sites }),
  });
  for (const method of ["GET", "OPTIONS"]) {
    for (const origin of [...sites, "https://evil.example"]) {
      const request = new Request("http://127.0.0.1/api/v1/origins", {
        method,
        headers: { origin },
      });
      const response = await desk.fetch(request);
      await response.body?.cancel();
      const expected = origin === sites[0] ? origin : null;
      assert.equal(response.headers.get("access-control-allow-origin"), expected);
      assert.equal(response.headers.get("vary"), "Origin");
    }
  }
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
  const flowed = { bytesIn: 10, bytesOut: 2_000, bitsIn: 8, bitsOut: 1_600 };
  const figures = { bytes_in: 10, bytes_out: 2_000, bit_rate_in: 8, bit_rate_out: 1_600 };
  const shown = open.map((session) => ({ ...session, ...figures }));
  const kicked: string[] = [];
  await using desk = await openDesk({
    management: managementWith({ clock: systemClock, access: () => ({ token: "secret" }) }),
    sessions: {
      list: ({ limit, after = "0" }) => {
        const end = Number(after) + limit;
        const next = end < open.length ? String(end) : undefined;
        const sessions = open.slice(Number(after), end).map((one) => ({ ...one, flowed }));
        return { sessions, next, total: open.length };
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
  assert.deepEqual(first.body, { code: 0, sessions: shown.slice(0, 2), next: "2", total: 3 });
  const second = await desk.ask("GET", `${path}?limit=2&after=2`, undefined, headers);
  assert.deepEqual(second.body, { code: 0, sessions: shown.slice(2), total: 3 });
  assert.equal((await desk.ask("GET", path)).status, 401);
  assert.equal((await desk.ask("DELETE", `${path}/s2`)).status, 401);
  assert.deepEqual(kicked, []);
  assert.equal((await desk.ask("DELETE", `${path}/s2`, undefined, headers)).status, 200);
  assert.equal((await desk.ask("DELETE", `${path}/s9`, undefined, headers)).status, 404);
  assert.deepEqual(kicked, ["s2", "s9"]);
});
