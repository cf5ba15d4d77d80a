import assert from "node:assert/strict";
import { encodeSpbhid } from "../../protocol/hls/spbhid.ts";
import { HttpOrigin, silence } from "../../../tests/support/http_origin.ts";
import { HTTP_TIMEOUTS, HttpRelayWorld } from "../../../tests/support/http_relay_world.ts";
import { VirtualClock } from "../../../tests/support/virtual_clock.ts";
import { until } from "../../../tests/support/wait.ts";

const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\nTransfer-Encoding: chunked\r\n\r\n";
const TARGET = "/live/show.flv?token=a%20b";
const KEY = "tv.example/live/show";
const STREAM = { vhost: "tv.example", app: "live", stream: "show", key: KEY };
const SPBHID = encodeSpbhid({ key: STREAM, origin: "o" });
const CLOSED = "srs_proxy_http_sessions_closed_total";

/** An origin that begins a live stream with one chunk and leaves it open. */
function liveOrigin(first = "5\r\nhello\r\n"): HttpOrigin {
  return new HttpOrigin(() => (exchange) => exchange.write(HEAD + first));
}

Deno.test("a live stream is passed on as it arrives, and the origin gets the whole request", async () => {
  await using origin = liveOrigin();
  const clock = new VirtualClock();
  await using world = await HttpRelayWorld.open({ clock });
  await world.addOrigin("o", origin.httpPort);
  using client = await world.client();
  await client.get(TARGET, "Authorization: Basic xyz", "X-Forwarded-For: 6.6.6.6", "Cookie: c=1");
  await client.until("hello\r\n");
  assert.equal(client.status, 200);
  assert.equal(client.body, "5\r\nhello\r\n", "frames untouched");
  assert.equal(origin.requests[0]?.start, `GET ${TARGET} HTTP/1.1`);
  assert.equal(origin.field("host"), "tv.example");
  assert.equal(origin.field("authorization"), "Basic xyz");
  assert.equal(origin.field("cookie"), "c=1");
  assert.equal(
    origin.field("x-forwarded-for"),
    "127.0.0.1",
    "a peer outside the trusted list is not believed",
  );
  assert.equal(origin.field("x-forwarded-proto"), "http");
  assert.deepEqual(await world.streams(), [KEY]);
  assert.equal(world.sessions.size, 1);
  const [connection] = origin.open;
  const { timers } = clock;
  for (let count = 0; count < 10; count++) {
    await connection!.write(`1\r\n${count}\r\n`);
    await client.until(`${count}\r\n`);
  }
  assert.equal(clock.timers, timers, "relaying sets no timers");
  await connection!.write("3\r\nyes\r\n0\r\n\r\n");
  await client.until("0\r\n\r\n");
  await until("the session end", () => world.sessions.size === 0);
  assert.equal(await world.metric(`${CLOSED}{reason="origin_closed"}`), 1);
  assert.deepEqual(world.errors, []);
});

Deno.test("the list of sessions tells how much a player gets, and how fast", async () => {
  await using origin = liveOrigin();
  const clock = new VirtualClock();
  await using world = await HttpRelayWorld.open({ clock });
  await world.addOrigin("o", origin.httpPort);
  using client = await world.client();
  await client.get(TARGET);
  await client.until("hello\r\n");
  for (let second = 0; second < 20; second++) {
    await origin.open[0]!.write(`3\r\n${String(second).padStart(3, "0")}\r\n`);
    await client.until(`${String(second).padStart(3, "0")}\r\n`);
    await clock.pass(1_000);
  }
  const [session] = world.sessions.list({ limit: 1 }).sessions;
  const { bytesIn, bytesOut, bitsIn, bitsOut } = session!.flowed;
  assert.deepEqual([bytesIn, bitsIn, bitsOut], [0, 0, 8 * 8]);
  assert.ok(bytesOut > 20 * 8 && bytesOut < 2_000, String(bytesOut));
});

Deno.test("when a player leaves, its connection to the origin is closed at once", async () => {
  await using origin = liveOrigin();
  await using world = await HttpRelayWorld.open();
  await world.addOrigin("o", origin.httpPort);
  const client = await world.client();
  await client.get(TARGET);
  await client.until("hello\r\n");
  client.close();
  await until("the origin be left", () => origin.connections === 0);
  await until("the session end", () => world.sessions.size === 0);
  assert.equal(await world.metric(`${CLOSED}{reason="client_closed"}`), 1);
});

Deno.test("when a player leaves before the response, its request to the origin is aborted", async () => {
  await using origin = new HttpOrigin(() => silence);
  await using world = await HttpRelayWorld.open();
  await world.addOrigin("o", origin.httpPort);
  const client = await world.client();
  await client.get(TARGET);
  await until("the origin be asked", () => origin.requests.length === 1);
  client.close();
  await until("the origin be left", () => origin.connections === 0);
  await until("the stream be forgotten", async () => (await world.streams()).length === 0);
});

Deno.test("an origin that breaks off inside a chunk ends only that connection", async () => {
  await using origin = new HttpOrigin(() => async (exchange) => {
    await exchange.write(`${HEAD}5\r\nhel`);
    exchange.close();
  });
  await using world = await HttpRelayWorld.open();
  await world.addOrigin("o", origin.httpPort);
  using client = await world.client();
  await client.get(TARGET);
  await client.until();
  assert.equal(client.body, "5\r\nhel");
});

Deno.test("a session ended from outside gets a last chunk", async () => {
  await using origin = liveOrigin();
  await using world = await HttpRelayWorld.open();
  await world.addOrigin("o", origin.httpPort);
  using client = await world.client();
  await client.get(TARGET);
  await client.until("hello\r\n");
  const [session] = world.sessions.list({ limit: 1 }).sessions;
  assert.equal(world.relay.endSession("unknown", "kicked"), false);
  assert.equal(world.relay.endSession(session!.session, "kicked"), true);
  await client.until();
  assert.equal(client.body, "5\r\nhello\r\n0\r\n\r\n");
  await until("the origin be left", () => origin.connections === 0);
  assert.equal(await world.metric(`${CLOSED}{reason="kicked"}`), 1);
});

Deno.test("a session ended inside a chunk gets no last chunk: the connection just closes", async () => {
  await using origin = liveOrigin("a\r\nhello");
  await using world = await HttpRelayWorld.open();
  await world.addOrigin("o", origin.httpPort);
  using client = await world.client();
  await client.get(TARGET);
  await client.until("hello");
  world.relay.kill();
  await client.until();
  assert.equal(client.body, "a\r\nhello");
});

Deno.test("a player that reads nothing is disconnected, and the proxy stops reading from its origin", async () => {
  await using origin = new HttpOrigin(() => async (exchange) => {
    await exchange.write(HEAD.replace("Transfer-Encoding: chunked\r\n", ""));
    if (exchange.request.target.includes("other")) return;
    const block = new Uint8Array(65536);
    while (await exchange.write(block)) continue;
  });
  const timeouts = { ...HTTP_TIMEOUTS, idle: 60_000, stall: 600 };
  await using world = await HttpRelayWorld.open({ timeouts: () => timeouts });
  await world.addOrigin("o", origin.httpPort);
  using other = await world.client();
  await other.get("/live/other.flv");
  await other.until("\r\n\r\n");
  using lazy = await world.client();
  await lazy.get("/live/show.flv");
  const received = () => world.relay.received(["s1", "s2", "nobody"]);
  await until("it to hold its origin up", async () => (await received()).get("s2") === Infinity);
  assert.ok((await received()).get("s1")! < 200, "only the head has arrived");
  assert.equal((await received()).size, 2);
  const stalled = `${CLOSED}{reason="stalled"}`;
  await until("the lazy one be let go", async () => await world.metric(stalled) === 1);
  assert.ok(origin.written() < 64 << 20, "back-pressure reaches the origin");
  assert.equal(world.sessions.size, 1, "a player that waits for data is not stalled");
});

Deno.test("a stream without data ends after the idle timeout", async () => {
  await using origin = liveOrigin();
  const clock = new VirtualClock();
  await using world = await HttpRelayWorld.open({ clock });
  await world.addOrigin("o", origin.httpPort);
  using client = await world.client();
  await client.get(TARGET);
  await client.until("hello\r\n");
  await clock.pass(HTTP_TIMEOUTS.idle + 2_000);
  await client.until();
  assert.equal(client.body, "5\r\nhello\r\n0\r\n\r\n");
  assert.equal(await world.metric(`${CLOSED}{reason="idle"}`), 1);
});

Deno.test("an HTTP/1.0 client gets the data without chunk frames, to the end", async () => {
  await using origin = new HttpOrigin(() => (exchange) =>
    exchange.write(`${HEAD}5\r\nhello\r\n2;x\r\n!!\r\n0\r\n\r\n`)
  );
  await using world = await HttpRelayWorld.open();
  await world.addOrigin("o", origin.httpPort);
  using client = await world.client();
  await client.send("GET /live/show.flv HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  await client.until();
  assert.equal(client.body, "hello!!");
  assert.match(client.text, /\r\nConnection: close\r\n/);
  assert.doesNotMatch(client.text, /transfer-encoding/i);
});

Deno.test("a refusal by the origin is passed on unchanged and leaves no mapping", async () => {
  await using origin = new HttpOrigin(() => (exchange) =>
    exchange.write("HTTP/1.1 404 Not Here\r\nContent-Length: 4\r\nX-Why: no\r\n\r\nnone")
  );
  await using world = await HttpRelayWorld.open();
  await world.addOrigin("o", origin.httpPort);
  const client = await world.ask("/live/none.flv");
  assert.match(client.text, /^HTTP\/1\.1 404 Not Here\r\n/);
  assert.match(client.text, /\r\nX-Why: no\r\n/);
  assert.equal(client.body, "none");
  assert.deepEqual(await world.streams(), []);
  assert.equal(world.sessions.size, 0);
});

Deno.test("while the process drains, running streams continue and new ones are refused", async () => {
  await using origin = liveOrigin();
  await using world = await HttpRelayWorld.open();
  await world.addOrigin("o", origin.httpPort);
  using running = await world.client();
  await running.get(TARGET);
  await running.until("hello\r\n");
  world.drain();
  const [connection] = origin.open;
  await connection!.write("3\r\nyes\r\n");
  await running.until("yes\r\n");
  await assert.rejects(world.client(), Deno.errors.ConnectionRefused);
  world.relay.kill();
  await running.until();
  assert.equal(running.body, "5\r\nhello\r\n3\r\nyes\r\n0\r\n\r\n");
  running.close();
  await world.relay.idle();
});

for (
  const target of [
    `/live/show.flv?spbhid=${SPBHID}`,
    `/live/show.ts?spbhid=${SPBHID}`,
    // Named like a segment, but a live stream.
    `/live/show-7.ts?spbhid=${SPBHID}`,
  ]
) {
  Deno.test(`a live stream requested as ${target.slice(0, 20)} is an ordinary session`, async () => {
    await using origin = liveOrigin();
    await using world = await HttpRelayWorld.open();
    await world.addOrigin("o", origin.httpPort);
    using client = await world.client();
    await client.get(target);
    await client.until("hello\r\n");
    const [session] = world.sessions.list({ limit: 1 }).sessions;
    assert.equal(session?.stream, KEY);
    assert.equal(world.relay.endSession(session.session, "kicked"), true);
    await client.until();
    assert.equal(client.body, "5\r\nhello\r\n0\r\n\r\n");
    await until("the session end", () => world.sessions.size === 0);
  });
}
