import assert from "node:assert/strict";
import { GOOD, openDesk, REGISTER } from "../../tests/support/system_desk.ts";
import { LiveSessions } from "./session_log.ts";
import { SessionTallies } from "./session_tallies.ts";

const ORIGINS = "/api/v1/origins";

/** A desk with sessions at two origins. */
async function openBusyDesk() {
  const sessions = new LiveSessions({ capacity: 100 });
  const kicked: string[] = [];
  const desk = await openDesk({
    sessions: {
      list: (page) => sessions.list(page),
      kick: (session) => kicked.push(session) > 0,
    },
    tallies: () => new SessionTallies(sessions.all(), (stream) => stream),
  });
  for (const server of ["one", "two"]) await desk.ask("POST", REGISTER, { ...GOOD, server });
  const open = [
    ["s1", "rtmp", "publish", "v/a/1", "one", "10.0.0.1:5"],
    ["s2", "rtmp", "play", "v/a/1", "one", "10.0.0.2:5"],
    ["s3", "http", "play", "v/a/1", "one", "10.0.0.2:6"],
    ["s4", "srt", "play", "v/a/2", "two", "[2001:db8::1]:7"],
  ] as const;
  for (const [session, protocol, intent, stream, origin, client] of open) {
    sessions.opened({ session, protocol, intent, stream, origin, client });
    const request = { stream, intent, session, failed: [], protocol: "rtmp" } as const;
    await desk.registry.resolve(request);
    await desk.registry.confirm(session);
  }
  const rates = [["s1", 1_000, 1], ["s2", 2, 2_000], ["s3", 4, 4_000], ["s4", 8, 8_000]] as const;
  for (const [session, bitsIn, bitsOut] of rates) {
    sessions.flowed({ session, flowed: { bytesIn: 1, bytesOut: 1, bitsIn, bitsOut } });
  }
  return { desk, kicked };
}

Deno.test("an origin is drained, weighed, labelled and shown", async () => {
  await using desk = await openDesk();
  await desk.ask("POST", REGISTER, { ...GOOD, server: "one", labels: ["eu"] });
  const shown = async () => {
    const { origin } = (await desk.ask("GET", `${ORIGINS}/one`)).body;
    const { state, draining, weight, labels } = origin as Record<string, unknown>;
    return { state, draining, weight, labels };
  };
  assert.deepEqual(await shown(), { state: "alive", draining: false, weight: 100, labels: ["eu"] });
  assert.equal((await desk.ask("POST", `${ORIGINS}/one/drain`)).status, 200);
  const change = { weight: 30, labels: ["gpu", "us"] };
  assert.equal((await desk.ask("PATCH", `${ORIGINS}/one`, change)).status, 200);
  assert.deepEqual(await shown(), { state: "draining", draining: true, ...change });
  assert.equal((await desk.ask("POST", `${ORIGINS}/one/undrain`)).status, 200);
  assert.equal((await desk.ask("PATCH", `${ORIGINS}/one`, { labels: null })).status, 200);
  assert.deepEqual(await shown(), { state: "alive", draining: false, weight: 30, labels: ["eu"] });
});

Deno.test("invalid changes are refused, and change nothing", async () => {
  await using desk = await openDesk();
  await desk.ask("POST", REGISTER, { ...GOOD, server: "one" });
  const bad = [
    ...[{ weight: 101 }, { weight: -1 }, { weight: 1.5 }, { weight: "9" }, { unknown: 1 }],
    ...[{ labels: ["*"] }, { labels: ["a b"] }, { labels: "a" }, { labels: Array(17).fill("a") }],
    ...[[], "text", null, { weight: 1, draining: "yes" }, "{"],
  ];
  for (const change of bad) {
    const { status, body } = await desk.ask("PATCH", `${ORIGINS}/one`, change);
    assert.deepEqual([status, body.code], [400, 400], JSON.stringify(change));
  }
  const { origin } = (await desk.ask("GET", `${ORIGINS}/one`)).body;
  assert.equal((origin as Record<string, unknown>).weight, 100);
});

Deno.test("an unknown origin cannot be managed", async () => {
  await using desk = await openDesk();
  const asked = [
    ["GET", "/none"],
    ["POST", "/none/drain"],
    ["POST", "/none/undrain"],
    ["PATCH", "/none"],
    ["DELETE", "/none"],
  ] as const;
  for (const [method, path] of asked) {
    const body = method === "PATCH" ? { weight: 1 } : undefined;
    assert.equal((await desk.ask(method, `${ORIGINS}${path}`, body)).status, 404, path);
  }
});

Deno.test("an origin is forgotten until it registers again", async () => {
  await using desk = await openDesk();
  await desk.ask("POST", REGISTER, { ...GOOD, server: "one" });
  assert.equal((await desk.ask("DELETE", `${ORIGINS}/one`)).status, 200);
  assert.equal((await desk.ask("GET", ORIGINS)).body.total, 0);
  await desk.ask("POST", REGISTER, { ...GOOD, server: "one" });
  assert.equal((await desk.ask("GET", ORIGINS)).body.total, 1);
});

Deno.test("lists of origins can be filtered by state, label and text, with the right total", async () => {
  await using desk = await openDesk();
  await desk.ask("POST", REGISTER, { ...GOOD, server: "one", labels: ["eu"] });
  await desk.ask("POST", REGISTER, { ...GOOD, server: "two", device_id: "Rack-9" });
  await desk.ask("POST", `${ORIGINS}/two/drain`);
  const found = async (query: string) => {
    const { origins, total } = (await desk.ask("GET", `${ORIGINS}?${query}`)).body;
    const servers = (origins as { server: string }[]).map(({ server }) => server);
    return [total, ...servers];
  };
  assert.deepEqual(await found("state=draining"), [1, "two"]);
  assert.deepEqual(await found("label=eu"), [1, "one"]);
  assert.deepEqual(await found("search=rack"), [1, "two"]);
  assert.deepEqual(await found("limit=1"), [2, "one"]);
  assert.equal((await desk.ask("GET", `${ORIGINS}?state=odd`)).status, 400);
  assert.equal((await desk.ask("GET", `${ORIGINS}?search=${"x".repeat(2_000)}`)).status, 400);
});

Deno.test("origins and streams are shown with their publishers and viewers", async () => {
  const { desk } = await openBusyDesk();
  await using _desk = desk;
  const { origin } = (await desk.ask("GET", `${ORIGINS}/one`)).body;
  const { publishers, viewers } = origin as Record<string, unknown>;
  assert.deepEqual([publishers, viewers], [1, 2]);
  assert.deepEqual(ratesOf(origin), [1_006, 6_001]);
  for (const key of ["v/a/1", "v%2Fa%2F1"]) {
    const { stream } = (await desk.ask("GET", `/api/v1/streams/${key}`)).body;
    const { publisher, ...rest } = stream as Record<string, unknown>;
    const { seconds, ...who } = publisher as Record<string, unknown>;
    assert.equal(typeof seconds, "number");
    assert.deepEqual(who, { session: "s1", protocol: "rtmp", client: "10.0.0.1:5" });
    assert.equal(rest.live, true);
    assert.deepEqual(rest.viewers_by_protocol, { rtmp: 1, http: 1 });
    assert.deepEqual([rest.publishers, rest.viewers], [1, 2]);
    assert.deepEqual(ratesOf(rest), [1_000, 6_000], "from the publisher, and to viewers");
  }
  assert.equal((await desk.ask("GET", "/api/v1/streams/v/a/none")).status, 404);
  assert.equal((await desk.ask("GET", "/api/v1/streams/v/a/%ff")).status, 400);
  const streams = async (query: string) => {
    return (await desk.ask("GET", `/api/v1/streams?${query}`)).body.total;
  };
  assert.deepEqual([await streams("live=true"), await streams("live=false")], [1, 1]);
  assert.equal(await streams("search=A/2"), 1);
  assert.equal((await desk.ask("GET", "/api/v1/streams?live=perhaps")).status, 400);
});

function ratesOf(entry: unknown): [unknown, unknown] {
  const { bit_rate_in, bit_rate_out } = entry as Record<string, unknown>;
  return [bit_rate_in, bit_rate_out];
}

Deno.test("sessions can be filtered by their fields", async () => {
  const { desk } = await openBusyDesk();
  await using _desk = desk;
  const found = async (query: string) => {
    const { sessions } = (await desk.ask("GET", `/api/v1/sessions?${query}`)).body;
    return (sessions as { session: string }[]).map(({ session }) => session);
  };
  assert.deepEqual(await found("stream=v/a/1"), ["s1", "s2", "s3"]);
  assert.deepEqual(await found("origin=two"), ["s4"]);
  assert.deepEqual(await found("protocol=http"), ["s3"]);
  assert.deepEqual(await found("client=10.0.0.2"), ["s2", "s3"]);
  assert.deepEqual(await found("client=10.0.0.2:6"), ["s3"]);
  assert.deepEqual(await found("client=2001:db8::1"), ["s4"]);
  assert.deepEqual(await found("intent=publish"), ["s1"]);
  assert.deepEqual(await found("client=10.0.0"), []);
});

Deno.test("a stream's sessions are ended together", async () => {
  const { desk } = await openBusyDesk();
  await using _desk = desk;
  const { status, body } = await desk.ask("DELETE", "/api/v1/streams/v/a/1");
  assert.deepEqual([status, body.ended], [200, 3]);
  assert.equal((await desk.ask("DELETE", "/api/v1/streams/v/a/none")).status, 404);
});
