// Viewers that arrive before their stream, and streams whose origin does not offer the requested
// format.

import assert from "node:assert/strict";
import { HttpOrigin, silence } from "../../../tests/support/http_origin.ts";
import { HTTP_TIMEOUTS, HttpRelayWorld } from "../../../tests/support/http_relay_world.ts";
import { VirtualClock } from "../../../tests/support/virtual_clock.ts";
import { until } from "../../../tests/support/wait.ts";

const BEGUN = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
const NOT_FOUND = "HTTP/1.1 404 Not Here\r\nContent-Length: 4\r\n\r\nnone";
const KEY = "tv.example/live/show";
const TARGET = "/live/show.flv";
const PLAYLIST = "/live/show.m3u8";
const WHOLE = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const IMPATIENT = { ...HTTP_TIMEOUTS, answer: 100 };

function silentOrigin(): HttpOrigin {
  return new HttpOrigin(() => silence);
}

function refusingOrigin(): HttpOrigin {
  return new HttpOrigin(() => (exchange) => exchange.write(NOT_FOUND));
}

/** Publishes the stream at an origin other than `failed`. */
async function publish(world: HttpRelayWorld, ...failed: string[]): Promise<void> {
  const publisher = { session: "p", protocol: "rtmp", intent: "publish" } as const;
  await world.registry.resolve({ ...publisher, stream: KEY, failed });
  world.registry.confirm("p");
}

Deno.test("a viewer may wait for its stream longer than the answer timeout", async () => {
  await using origin = silentOrigin();
  await using world = await HttpRelayWorld.open({ timeouts: () => IMPATIENT });
  await world.addOrigin("o", origin.httpPort);
  using client = await world.client();
  await client.get(TARGET);
  await until("the origin be asked", () => origin.requests.length === 1);
  const playlist = await world.ask("/live/other.m3u8");
  assert.equal(playlist.status, 504, "other requests still end at the answer timeout");
  await origin.open[0]!.write(BEGUN);
  await client.until("hello\r\n");
  assert.equal(client.status, 200);
  assert.deepEqual(await world.streams(), [KEY]);
  const [{ setAsideFor } = {}] = await world.registry.origins();
  assert.deepEqual(setAsideFor, {});
});

Deno.test("it waits for the idle timeout at most, and no origin is set aside", async () => {
  await using origin = silentOrigin();
  const clock = new VirtualClock();
  await using world = await HttpRelayWorld.open({ clock });
  await world.addOrigin("o", origin.httpPort);
  const asking = world.ask(TARGET);
  await until("the origin be asked", () => origin.requests.length === 1);
  await clock.pass(HTTP_TIMEOUTS.idle + 2_000);
  const client = await asking;
  assert.equal(client.status, 404);
  assert.equal(client.body, "Stream has not begun\n");
  await until("the origin be left", () => origin.connections === 0);
  assert.deepEqual(await world.streams(), []);
  assert.equal(await world.metric('srs_proxy_http_refused_total{reason="not_found"}'), 1);
});

Deno.test("a viewer that leaves while waiting is noticed, whatever else it has sent", async () => {
  await using origin = silentOrigin();
  await using world = await HttpRelayWorld.open();
  await world.addOrigin("o", origin.httpPort);
  const client = await world.client();
  const request = `GET ${TARGET} HTTP/1.1\r\nHost: tv.example\r\n\r\n`;
  await client.send(request + request);
  await until("the origin be asked", () => origin.requests.length === 1);
  client.close();
  await until("the origin be left", () => origin.connections === 0);
  await until("the stream be forgotten", async () => (await world.streams()).length === 0);
});

Deno.test("a waiting viewer is told when the process drains", async () => {
  await using origin = silentOrigin();
  await using world = await HttpRelayWorld.open();
  await world.addOrigin("o", origin.httpPort);
  using client = await world.client();
  await client.get(TARGET);
  await until("the origin be asked", () => origin.requests.length === 1);
  world.drain();
  await client.until();
  assert.equal(client.status, 503);
  client.close();
  await world.relay.idle();
});

for (const target of [TARGET, PLAYLIST]) {
  Deno.test(`a viewer waiting for ${target} is told when it is kicked`, async () => {
    await using origin = silentOrigin();
    await using world = await HttpRelayWorld.open();
    await world.addOrigin("o", origin.httpPort);
    const asking = world.ask(target);
    await until("the origin be asked", () => origin.requests.length === 1);
    assert.ok(world.relay.endSession("s1", "kicked"));
    const client = await asking;
    assert.equal(client.status, 403);
    assert.equal(await world.metric('srs_proxy_http_refused_total{reason="kicked"}'), 1);
    await until("the origin be left", () => origin.connections === 0);
    assert.deepEqual(await world.streams(), []);
  });

  Deno.test(`a viewer waiting for ${target} goes to another origin when its own is down`, async () => {
    await using frozen = silentOrigin();
    await using world = await HttpRelayWorld.open({ clock: new VirtualClock() });
    await world.addOrigin("frozen", frozen.httpPort);
    const asking = world.ask(target);
    await until("the origin be asked", () => frozen.requests.length === 1);
    await using good = new HttpOrigin(() => (exchange) => exchange.write(WHOLE));
    await world.addOrigin("good", good.httpPort);
    assert.ok(world.relay.endSession("s1", "origin_down"));
    const { status, body } = await asking;
    assert.deepEqual([status, body], [200, "hello"]);
    assert.equal(good.requests.length, 1);
    await until("the first one be left", () => frozen.connections === 0);
  });

  Deno.test(`a viewer waiting for ${target} is told when the only origin is down`, async () => {
    await using origin = silentOrigin();
    await using world = await HttpRelayWorld.open({ clock: new VirtualClock() });
    await world.addOrigin("o", origin.httpPort);
    const asking = world.ask(target);
    await until("the origin be asked", () => origin.requests.length === 1);
    assert.ok(world.relay.endSession("s1", "origin_down"));
    const { status, body } = await asking;
    assert.deepEqual([status, body], [502, "Origin does not answer any more\n"]);
    assert.equal(await world.metric('srs_proxy_http_refused_total{reason="origin_gone"}'), 1);
    await until("the origin be left", () => origin.connections === 0);
    assert.deepEqual(await world.streams(), []);
  });
}

Deno.test("a waiting viewer follows its stream as soon as the move is known", async () => {
  await using frozen = silentOrigin();
  await using world = await HttpRelayWorld.open({ clock: new VirtualClock() });
  await world.addOrigin("frozen", frozen.httpPort);
  using client = await world.client();
  await client.get(TARGET);
  await until("the origin be asked", () => frozen.requests.length === 1);
  await using good = new HttpOrigin(() => (exchange) => exchange.write(BEGUN));
  await world.addOrigin("good", good.httpPort, { rtmp: true });
  await publish(world, "frozen");
  assert.ok(world.relay.endSession("s1", "stream_moved"));
  await client.until("hello\r\n");
  await until("the first one be left", () => frozen.connections === 0);
});

Deno.test("a waiting viewer follows its stream to another origin", async () => {
  await using frozen = silentOrigin();
  await using world = await HttpRelayWorld.open({
    timeouts: () => ({ ...HTTP_TIMEOUTS, stall: 200 }),
  });
  await world.addOrigin("frozen", frozen.httpPort);
  using client = await world.client();
  await client.get(TARGET);
  await until("the origin be asked", () => frozen.requests.length === 1);
  await using good = new HttpOrigin(() => (exchange) => exchange.write(BEGUN));
  await world.addOrigin("good", good.httpPort, { rtmp: true });
  await publish(world, "frozen");
  await client.until("hello\r\n");
  assert.equal(client.status, 200);
  await until("the first one be left", () => frozen.connections === 0);
  assert.equal(world.sessions.list({ limit: 1 }).sessions[0]?.origin, "good");
});

Deno.test("a live stream not offered in this format is not reported as missing", async () => {
  await using origin = refusingOrigin();
  await using world = await HttpRelayWorld.open();
  await world.addOrigin("o", origin.httpPort, { rtmp: true });
  for (const target of [TARGET, "/live/show.m3u8"]) {
    assert.match((await world.ask(target)).text, /^HTTP\/1\.1 404 Not Here\r\n[^]*none$/);
  }
  await publish(world);
  for (const extension of ["flv", "ts", "m3u8", "mpd"]) {
    const { text, body } = await world.ask(`/live/show.${extension}`);
    assert.match(text, /^HTTP\/1\.1 404 Not Offered\r\n/);
    const why = `The origin of this stream does not offer it as .${extension}, or not yet\n`;
    assert.equal(body, why);
  }
});

Deno.test("a viewer is told when the stream's origin has no HTTP", async () => {
  await using world = await HttpRelayWorld.open();
  await world.addOrigin("o", [], { rtmp: true });
  await publish(world);
  const { status, body } = await world.ask(TARGET);
  assert.equal(status, 503);
  assert.equal(body, "The origin of this stream offers no HTTP\n");
});
