// Limits on what concurrent requests may hold, so that those of one address keep nobody else out.

import assert from "node:assert/strict";
import { systemClock } from "../../core/clock.ts";
import { ProxyError } from "../../core/errors.ts";
import { MemoryBudget } from "../../core/memory_budget.ts";
import { CHROMIUM_OFFER, SRS_ANSWER } from "../../../tests/support/cases/rtc_sdp_cases.ts";
import { type Answer, HttpOrigin } from "../../../tests/support/http_origin.ts";
import { SignalingWorld } from "../../../tests/support/signaling_world.ts";
import { VirtualClock } from "../../../tests/support/virtual_clock.ts";
import { until, within } from "../../../tests/support/wait.ts";
import { RequestBounds } from "./request_bounds.ts";

const WHEP = "http://tv.example/rtc/v1/whep/?app=live&stream=show";
const HEADERS = { "content-type": "application/sdp" };
const LIMITS = { maxSessions: 10_000, maxSessionsPerAddress: 10_000 };

let users = 0;

/** Accepts every offer, each with different credentials, as an origin does. */
const accepts: Answer = (exchange) => {
  const body = SRS_ANSWER.replaceAll(/a=ice-ufrag:.*\r\n/g, `a=ice-ufrag:user${++users}\r\n`);
  const head = ["HTTP/1.1 201 Created", "Content-Type: application/sdp"];
  const length = `Content-Length: ${body.length}`;
  return exchange.write([...head, length, "", body].join("\r\n"));
};

const staysSilent: Answer = () => {};

function offer(body: BodyInit = CHROMIUM_OFFER, headers: Record<string, string> = {}): Request {
  return new Request(WHEP, { method: "POST", headers: { ...HEADERS, ...headers }, body });
}

/** A body whose first byte arrives and nothing more. */
function stalledBody(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.enqueue(Uint8Array.of(0x76)) });
}

/** Counts the answers by status. */
function tally(answers: readonly Response[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

Deno.test("a thousand stalled bodies keep nobody out, not even at the same address", async () => {
  await using origin = new HttpOrigin(() => accepts);
  const clock = new VirtualClock();
  await using world = await SignalingWorld.open({ clock });
  await world.addOrigin("vid-1", [origin.httpPort]);
  const slow = { host: "192.0.2.1", port: 4711 };
  const held = Array.from({ length: 1_100 }, () => world.signal(offer(stalledBody()), slow));
  for (const host of ["192.0.2.1", "192.0.2.2"]) {
    const answer = await world.signal(offer(), { host, port: 4712 });
    assert.equal(answer.status, 201, await answer.text());
  }
  await clock.pass(500);
  assert.deepEqual(tally(await Promise.all(held)), { 408: 1_100 });
});

Deno.test("offers that an origin does not answer leave room for other addresses", async () => {
  let answer = staysSilent;
  await using origin = new HttpOrigin(() => answer);
  const clock = new VirtualClock();
  await using world = await SignalingWorld.open({ clock });
  Object.assign(world.media.limits, LIMITS);
  await world.addOrigin("vid-1", [origin.httpPort]);
  const from = (host: string) => world.signal(offer(), { host, port: 4711 });
  const held = Array.from({ length: 600 }, () => from("192.0.2.1"));
  held.push(...Array.from({ length: 300 }, (_, at) => from(`2001:db8::${at.toString(16)}:1`)));
  await until("the offers to be made", () => origin.requests.length >= 750);
  answer = accepts;
  assert.equal((await from("192.0.2.2")).status, 201);
  assert.equal((await from("2001:db8:0:1::1")).status, 201);
  await clock.pass(1_000);
  assert.deepEqual(tally(await Promise.all(held)), { 503: 150, 504: 750 });
  assert.equal((await from("192.0.2.1")).status, 201, "everything has been released");
});

Deno.test("a client behind a trusted load balancer counts by its own address", async () => {
  await using origin = new HttpOrigin(() => accepts);
  const trustedProxies = [{ bytes: [10, 0, 0, 1], prefix: 32 }];
  await using world = await SignalingWorld.open({ trustedProxies: () => trustedProxies });
  world.media.limits.maxSessionsPerAddress = 1;
  await world.addOrigin("vid-1", [origin.httpPort]);
  const from = async (host: string, forwarded: string) => {
    const headers = { "x-forwarded-for": forwarded };
    return (await world.signal(offer(CHROMIUM_OFFER, headers), { host, port: 4711 })).status;
  };
  assert.equal(await from("10.0.0.1", "6.6.6.6, 192.0.2.1"), 201);
  assert.equal(await from("10.0.0.1", "7.7.7.7, 192.0.2.1"), 503, "the same client");
  assert.equal(await from("10.0.0.1", "6.6.6.6, 192.0.2.2"), 201);
  assert.equal(await from("192.0.2.2", "8.8.8.8"), 503, "an untrusted peer is not believed");
});

Deno.test("a session counts from its request on: when full, no origin is asked", async () => {
  await using origin = new HttpOrigin(() => accepts);
  await using world = await SignalingWorld.open();
  world.media.limits.maxSessionsPerAddress = 10;
  await world.addOrigin("vid-1", [origin.httpPort]);
  const peer = { host: "192.0.2.1", port: 4711 };
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => world.signal(offer(), peer)),
  );
  assert.deepEqual(tally(answers), { 201: 10, 503: 90 });
  assert.equal(origin.requests.length, 10);
  assert.equal((await world.signal(offer(), { ...peer, host: "192.0.2.9" })).status, 201);
});

Deno.test("a request that fails gives its place back", async () => {
  let answer: Answer = (exchange) =>
    exchange.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  await using origin = new HttpOrigin(() => answer);
  await using world = await SignalingWorld.open();
  world.media.limits.maxSessionsPerAddress = 1;
  const peer = { host: "192.0.2.1", port: 4711 };
  assert.equal((await world.signal(offer(), peer)).status, 503, "no origin");
  await world.addOrigin("vid-1", [origin.httpPort]);
  assert.equal((await world.signal(offer(), peer)).status, 403);
  answer = (exchange) => exchange.close();
  assert.equal((await world.signal(offer(), peer)).status, 502);
  answer = accepts;
  const twice = [await world.signal(offer(), peer), await world.signal(offer(), peer)];
  assert.deepEqual(twice.map(({ status }) => status), [201, 503]);
});

Deno.test("the answer is not sent before the session's media is accepted", async () => {
  await using origin = new HttpOrigin(() => accepts);
  await using world = await SignalingWorld.open();
  await world.addOrigin("vid-1", [origin.httpPort]);
  const { promise, resolve } = Promise.withResolvers<void>();
  world.media.taken = promise;
  const answering = world.signal(offer(), { host: "192.0.2.1", port: 4711 });
  await until("the session be agreed upon", () => world.media.opened.length === 1);
  await assert.rejects(within("an answer", 100, answering.then(() => {})));
  resolve();
  assert.equal((await answering).status, 201);
});

Deno.test("memory for bodies is shared fairly too, and released", async () => {
  const limits = { perConnection: 2 ** 18, perAddress: 2 ** 24, total: 2 ** 27 };
  const bounds = new RequestBounds(new MemoryBudget(() => limits));
  const read = (client: string) => {
    const hold = bounds.open(client);
    const request = offer(new Uint8Array(60_000));
    const body = { limit: 65_536, deadline: 10_000, clock: systemClock };
    return hold.readBody(request, body).then(() => hold);
  };
  const holds = [];
  const isFull = (error: unknown) => error instanceof ProxyError && error.code === "overloaded";
  const greedy = async () => {
    for (let count = 0; count < 1_000; count++) holds.push(await read("192.0.2.1"));
  };
  await assert.rejects(greedy(), isFull);
  assert.ok(holds.length > 200 && holds.length < 300, `${holds.length} bodies`);
  holds.push(await read("192.0.2.2"));
  for (const hold of holds) hold[Symbol.dispose]();
  (await read("192.0.2.1"))[Symbol.dispose]();
});
