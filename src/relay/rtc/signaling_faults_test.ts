// Bad clients and bad origins in signalling: each gets a clear answer, and nobody else is affected.

import assert from "node:assert/strict";
import { ProxyError } from "../../core/errors.ts";
import { CHROMIUM_OFFER, SRS_ANSWER } from "../../../tests/support/cases/rtc_sdp_cases.ts";
import { RawHttp } from "../../../tests/support/raw_http.ts";
import { type Answer, HttpOrigin, says } from "../../../tests/support/http_origin.ts";
import { SignalingWorld } from "../../../tests/support/signaling_world.ts";
import { VirtualClock } from "../../../tests/support/virtual_clock.ts";
import { until } from "../../../tests/support/wait.ts";

const WHIP = "/rtc/v1/whip/?app=live&stream=show";
const USER = "yrg28861:iBXi";
const LOCATION = `Location: /rtc/v1/whip/?token=x&session=${USER}`;
const SDP_TYPE = "Content-Type: application/sdp";
const NO_UFRAG = CHROMIUM_OFFER.replace(/a=ice-ufrag.*\r\n/g, "");

const ACCEPTS = says("201 Created", SRS_ANSWER, SDP_TYPE, LOCATION);

/** Sends one request and reads the answer to the end of the connection. */
async function ask(
  world: SignalingWorld,
  target: string,
  { method = "POST", lines = [] as readonly string[], body = "" } = {},
): Promise<RawHttp> {
  const client = await RawHttp.connect(world.port);
  const head = [`${method} ${target} HTTP/1.1`, "Host: tv.example", "Connection: close", ...lines];
  const length = `Content-Length: ${body.length}`;
  await client.send([...head, length, "", ""].join("\r\n") + body);
  await client.until();
  client.close();
  return client;
}

Deno.test("an offer that has looped back is refused", async () => {
  await using one = await SignalingWorld.open();
  await using two = await SignalingWorld.open();
  await one.addOrigin("two", [two.port]);
  await two.addOrigin("one", [one.port]);
  const { status } = await ask(one, WHIP, { lines: [SDP_TYPE], body: CHROMIUM_OFFER });
  assert.equal(status, 508);
  assert.equal(await one.metric('srs_proxy_rtc_refused_total{reason="loop"}'), 1);
  assert.deepEqual(one.errors, []);
});

Deno.test("a bad request is answered with what is wrong, and reaches no origin", async () => {
  const sdp = [SDP_TYPE];
  const json = (value: unknown) => ({ body: JSON.stringify(value) });
  const cases: [status: number, target: string, request: Parameters<typeof ask>[2]][] = [
    [415, WHIP, { lines: ["Content-Type: text/plain"], body: "hello" }],
    [415, WHIP, {}],
    [400, WHIP, { lines: sdp }],
    [400, WHIP, { lines: sdp, body: "hello" }],
    [400, WHIP, { lines: sdp, body: NO_UFRAG }],
    [400, WHIP, { lines: sdp, body: `${CHROMIUM_OFFER}\0` }],
    [413, WHIP, { lines: sdp, body: "v=0\r\n" + "a".repeat(1 << 17) }],
    [405, WHIP, { method: "GET" }],
    [405, WHIP, { method: "PUT", lines: sdp, body: CHROMIUM_OFFER }],
    [405, WHIP, { method: "DELETE" }],
    [400, "/rtc/v1/whip/?app=live&stream=%00", { lines: sdp, body: CHROMIUM_OFFER }],
    [400, "/rtc/v1/whip/?app=..&stream=show", { lines: sdp, body: CHROMIUM_OFFER }],
    [400, `${WHIP}&eip=1.2.3`, { lines: sdp, body: CHROMIUM_OFFER }],
    [400, `${WHIP}&eip=a%0d%0ab`, { lines: sdp, body: CHROMIUM_OFFER }],
    [404, "/rtc/v1/nack/", { body: "{}" }],
    [404, "/rtc/v2/whip/", { lines: sdp, body: CHROMIUM_OFFER }],
    [400, "/rtc/v1/play/", { body: "{" }],
    [400, "/rtc/v1/play/", { body: "\xff{}" }],
    [400, "/rtc/v1/play/", json({ sdp: CHROMIUM_OFFER })],
    [400, "/rtc/v1/play/", json({ streamurl: "webrtc://a/live/show" })],
    [400, "/rtc/v1/play/", json({ sdp: 1, streamurl: "webrtc://a/live/show" })],
    [400, "/rtc/v1/play/", json({ sdp: "x", streamurl: "webrtc://a/live/show" })],
    [400, "/rtc/v1/play/", json({ sdp: CHROMIUM_OFFER, streamurl: "live/show" })],
    [404, `${WHIP}&spbsid=abc`, { method: "DELETE" }],
    [405, "/rtc/v1/play/", { method: "PATCH", body: "{}" }],
  ];
  await using origin = new HttpOrigin(() => ACCEPTS);
  await using world = await SignalingWorld.open();
  await world.addOrigin("vid-1", [origin.httpPort]);
  for (const [status, target, request] of cases) {
    const { text, status: got, body } = await ask(world, target, request);
    const what = `${target} ${JSON.stringify(request).slice(0, 120)}\n${text}`;
    assert.equal(got, status, what);
    assert.match(text, /access-control-allow-origin: \*/i, what);
    assert.deepEqual(Object.keys(JSON.parse(body)), ["code", "data"], what);
    if (status === 405) assert.match(text, /^allow: /im, what);
    if (status === 415) assert.match(text, /^accept-post: application\/sdp/im, what);
  }
  assert.deepEqual([origin.requests.length, world.media.opened.length], [0, 0]);
  assert.deepEqual(world.errors, []);
});

Deno.test("an offer is recognized by its content when its type is wrong", async () => {
  await using origin = new HttpOrigin(() => ACCEPTS);
  await using world = await SignalingWorld.open();
  await world.addOrigin("vid-1", [origin.httpPort]);
  const types = ["text/plain;charset=UTF-8", "application/x-www-form-urlencoded", ""];
  for (const type of types) {
    const lines = type === "" ? [] : [`Content-Type: ${type}`];
    const { status } = await ask(world, WHIP, { lines, body: CHROMIUM_OFFER });
    assert.equal(status, 201, type);
  }
});

Deno.test("the Accept field is ignored, as in SRS", async () => {
  await using origin = new HttpOrigin(() => ACCEPTS);
  await using world = await SignalingWorld.open();
  await world.addOrigin("vid-1", [origin.httpPort]);
  const said = [
    "application/json",
    "application/json, text/json, text/x-json, text/javascript, application/xml, text/xml",
    "text/html",
    "application/sdp;q=0",
    "; ".repeat(4000),
  ];
  for (const field of said) {
    const lines = [SDP_TYPE, `Accept: ${field}`];
    const { status, text } = await ask(world, WHIP, { lines, body: CHROMIUM_OFFER });
    assert.equal(status, 201, `${field.slice(0, 80)}: ${text}`);
    assert.equal(origin.field("accept"), field.trim(), "it is passed to the origin");
  }
});

Deno.test("a body that does not arrive in time is given up", async () => {
  const clock = new VirtualClock();
  await using world = await SignalingWorld.open({ clock });
  const timers = clock.pending;
  using client = await RawHttp.connect(world.port);
  const head = `POST ${WHIP} HTTP/1.1\r\nHost: a\r\n${SDP_TYPE}\r\nContent-Length: 900\r\n\r\n`;
  await client.send(`${head}v=0\r\n`);
  await until("the body be waited for", () => clock.pending > timers);
  await clock.pass(500);
  assert.match(await client.until(), /^HTTP\/1\.1 408 /);
});

Deno.test("a chunked body is limited too", async () => {
  await using world = await SignalingWorld.open();
  using client = await RawHttp.connect(world.port);
  await client.send(
    `POST ${WHIP} HTTP/1.1\r\nHost: a\r\n${SDP_TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n` +
      `10001\r\n${"a".repeat(65537)}\r\n`,
  );
  assert.match(await client.until(), /^HTTP\/1\.1 413 /);
});

Deno.test("names in the query cannot inject header fields", async () => {
  await using origin = new HttpOrigin(() => ACCEPTS);
  await using world = await SignalingWorld.open();
  await world.addOrigin("vid-1", [origin.httpPort]);
  const target = "/rtc/v1/whip/?app=live&stream=a%0d%0aX-Evil:%20yes&token=x%0d%0aX-Evil:%20yes";
  const { status } = await ask(world, target, { lines: [SDP_TYPE], body: CHROMIUM_OFFER });
  assert.equal(status, 201);
  assert.equal(origin.requests[0]!.start, `POST ${target} HTTP/1.1`);
  assert.equal(origin.field("x-evil"), undefined);
  assert.equal(
    world.media.opened[0]!.stream,
    "tv.example/live/aX-Evil:yes",
    "the name SRS gives it",
  );
});

Deno.test("a session accepted with an unusable answer is deleted at the origin", async () => {
  const noUdp = SRS_ANSWER.replaceAll(" udp ", " tcp ");
  const bodies = ["", "hello", '{"code":0}', noUdp, SRS_ANSWER.replace(/a=ice-pwd.*\r\n/g, "")];
  for (const body of bodies) {
    await using origin = new HttpOrigin(() => (exchange) => {
      const answer = exchange.request.method === "DELETE"
        ? says("200 OK")
        : says("201 Created", body, SDP_TYPE, LOCATION);
      return answer(exchange);
    });
    await using world = await SignalingWorld.open();
    await world.addOrigin("vid-1", [origin.httpPort]);
    const refused = await ask(world, WHIP, { lines: [SDP_TYPE], body: CHROMIUM_OFFER });
    assert.equal(refused.status, 502, body);
    assert.doesNotMatch(refused.text, /10\.0|127\.0/);
    await until("the origin be told", () => origin.requests.length === 2);
    assert.equal(origin.requests[1]!.start, `DELETE ${LOCATION.slice(10)} HTTP/1.1`);
    assert.deepEqual([world.media.opened, await world.record(USER)], [[], undefined]);
  }
});

Deno.test("a session that the media relay cannot take is deleted at the origin", async () => {
  await using origin = new HttpOrigin(() => (exchange) => {
    const answer = exchange.request.method === "DELETE" ? says("200 OK") : ACCEPTS;
    return answer(exchange);
  });
  await using world = await SignalingWorld.open();
  world.media.taken = Promise.reject(new ProxyError("overloaded", "Cannot accept it now"));
  world.media.taken.catch(() => {});
  await world.addOrigin("vid-1", [origin.httpPort]);
  const refused = await ask(world, WHIP, { lines: [SDP_TYPE], body: CHROMIUM_OFFER });
  assert.equal(refused.status, 503);
  assert.match(refused.text, /^retry-after: \d/im);
  await until("the origin be told", () => origin.requests.length === 2);
  assert.equal(await world.record(USER), undefined);
});

Deno.test("an origin that does not answer is an error for the client", async () => {
  const cases: [status: number, answer: Answer][] = [
    [504, () => {}],
    [502, (exchange) => exchange.close()],
    [502, says("201 Created", "x".repeat(200_000), SDP_TYPE)],
    [502, (exchange) => exchange.write("\x15\x03\x01 this is TLS\r\n\r\n")],
    [
      504,
      (exchange) => exchange.write("HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nv="),
    ],
  ];
  for (const [status, answer] of cases) {
    await using origin = new HttpOrigin(() => answer);
    await using world = await SignalingWorld.open({
      timeouts: () => ({ dial: 1000, answer: 300, head: 1000 }),
    });
    await world.addOrigin("vid-1", [origin.httpPort]);
    const refused = await ask(world, WHIP, { lines: [SDP_TYPE], body: CHROMIUM_OFFER });
    assert.equal(refused.status, status);
    assert.doesNotMatch(refused.text, /127\.0/);
    assert.equal(origin.requests.length, 1, "an offer is not sent twice");
    assert.deepEqual(await world.streams(), []);
  }
});

Deno.test("a Location that leads elsewhere is not rewritten", async () => {
  const cases: [location: string, told: string | undefined][] = [
    ["http://other.example/rtc/v1/whip/x", "http://other.example/rtc/v1/whip/x"],
    ["/api/v1/clients/7", undefined],
    ["/rtc/v1/../../api/v1/clients/7", undefined],
    ["javascript:alert(1)", undefined],
    ["", undefined],
  ];
  for (const [location, told] of cases) {
    const field = `Location: ${location}`;
    await using origin = new HttpOrigin(() => says("201 Created", SRS_ANSWER, SDP_TYPE, field));
    await using world = await SignalingWorld.open();
    await world.addOrigin("vid-1", [origin.httpPort]);
    const { text } = await ask(world, WHIP, { lines: [SDP_TYPE], body: CHROMIUM_OFFER });
    assert.match(text, /^HTTP\/1\.1 201 /);
    const found = /^location: (.*)\r$/im.exec(text)?.[1];
    assert.equal(found?.replace(/(?<=spbsid=).*/, ""), told, location);
  }
});

Deno.test("a client that has not received a session's answer cannot end it", async () => {
  await using origin = new HttpOrigin(() => (exchange) => {
    const answer = exchange.request.method === "DELETE" ? says("200 OK") : ACCEPTS;
    return answer(exchange);
  });
  await using world = await SignalingWorld.open();
  await world.addOrigin("vid-1", [origin.httpPort]);
  const accepted = await ask(world, WHIP, { lines: [SDP_TYPE], body: CHROMIUM_OFFER });
  const location = /^location: (.*)\r$/im.exec(accepted.text)![1]!;
  const [own, tag = ""] = location.split("spbsid=");
  const [stream, rest = ""] = tag.split(".");
  const forged = `${own}spbsid=${stream}.${rest[0]}AAAAAAAAAAA${rest.slice(12)}`;
  assert.equal((await ask(world, forged, { method: "DELETE" })).status, 404);
  const moved = `/api/v1/clients/7?spbsid=${tag}`;
  assert.equal((await ask(world, moved, { method: "DELETE" })).status, 401);
  const climbing = `/rtc/v1/../../api/v1/clients/7?spbsid=${tag}`;
  assert.equal((await ask(world, climbing, { method: "DELETE" })).status, 401);
  assert.deepEqual([origin.requests.length, world.media.ended.length], [1, 0]);
  assert.equal((await ask(world, location, { method: "DELETE" })).status, 200);
  assert.deepEqual(world.media.ended, [[USER, "deleted"]]);
});

Deno.test("a session whose origin is gone can still be ended", async () => {
  await using world = await SignalingWorld.open();
  let location = "";
  {
    await using origin = new HttpOrigin(() => ACCEPTS);
    await world.addOrigin("vid-1", [origin.httpPort]);
    const accepted = await ask(world, WHIP, { lines: [SDP_TYPE], body: CHROMIUM_OFFER });
    location = /^location: (.*)\r$/im.exec(accepted.text)![1]!;
  }
  assert.equal((await ask(world, location, { method: "DELETE" })).status, 502);
  assert.deepEqual(world.media.ended, [[USER, "deleted"]]);
  assert.equal(await world.record(USER), undefined);
});

Deno.test("a session's user name cannot be taken by another session", async () => {
  const other = SRS_ANSWER.replaceAll(/a=ice-pwd:.*/g, `a=ice-pwd:${"x".repeat(32)}`);
  const deleted: string[] = [];
  await using first = new HttpOrigin(() => ACCEPTS);
  await using second = new HttpOrigin(() => (exchange) => {
    if (exchange.request.method === "DELETE") deleted.push(exchange.request.start);
    return says("201 Created", other, SDP_TYPE, LOCATION)(exchange);
  });
  await using world = await SignalingWorld.open();
  await world.addOrigin("vid-1", [first.httpPort]);
  const accepted = await ask(world, WHIP, { lines: [SDP_TYPE], body: CHROMIUM_OFFER });
  assert.equal(accepted.status, 201);
  await world.addOrigin("vid-1", [second.httpPort]);
  const path = "/rtc/v1/whip/?app=live&stream=other&ice-ufrag=yrg28861";
  const refused = await ask(world, path, { lines: [SDP_TYPE], body: CHROMIUM_OFFER });
  assert.equal(refused.status, 400);
  assert.equal(world.media.opened.length, 1);
  assert.equal((await world.record(USER))?.stream, "tv.example/live/show");
  await until("the origin be told", () => deleted.length === 1);
});
