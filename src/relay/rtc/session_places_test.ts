import assert from "node:assert/strict";
import { ProxyError } from "../../core/errors.ts";
import { SessionPlaces } from "./session_places.ts";

function isOverloaded(error: unknown): boolean {
  return error instanceof ProxyError && error.code === "overloaded";
}

Deno.test("places are limited per address, and per /64 for IPv6", () => {
  const places = new SessionPlaces(() => ({ maxSessions: 100, maxSessionsPerAddress: 2 }));
  for (const net of ["192.0.2.1", "2001:db8::"]) {
    const taken = [places.take(net), places.take(net)];
    assert.throws(() => places.take(net), isOverloaded);
    taken[0]![Symbol.dispose]();
    taken[0]![Symbol.dispose]();
    taken.push(places.take(net));
    assert.throws(() => places.take(net), isOverloaded);
  }
  assert.throws(() => places.take("2001:db8::1:2:3:4"), isOverloaded);
  places.take("2001:db8:0:1::1");
  places.take("192.0.2.2");
  assert.equal(places.taken, 6);
});

Deno.test("places are limited in total", () => {
  let maxSessions = 3;
  const places = new SessionPlaces(() => ({ maxSessions, maxSessionsPerAddress: 2 }));
  const taken = [places.take(undefined), places.take(undefined), places.take("192.0.2.1")];
  assert.throws(() => places.take("192.0.2.2"), isOverloaded);
  maxSessions = 4;
  taken.push(places.take("192.0.2.2"));
  for (const place of taken) place[Symbol.dispose]();
  assert.deepEqual([places.taken, places.addresses], [0, 0]);
});

Deno.test("a place that was handed on is released only by its new owner, and only once", () => {
  const places = new SessionPlaces(() => ({ maxSessions: 1, maxSessionsPerAddress: 1 }));
  const kept = (() => {
    using place = places.take("192.0.2.1");
    return place.handOn();
  })();
  assert.deepEqual([places.taken, kept.client], [1, "192.0.2.1"]);
  kept[Symbol.dispose]();
  kept[Symbol.dispose]();
  assert.equal(places.taken, 0);
});

Deno.test("a session counts by the address where its client has proved to be", () => {
  const places = new SessionPlaces(() => ({ maxSessions: 100, maxSessionsPerAddress: 2 }));
  const server = "192.0.2.1";
  // A web server asks on behalf of its visitors, with no more at once than its limit.
  const visitors = Array.from({ length: 20 }, (_, index) => {
    const place = places.take(server);
    place.begun(`198.51.100.${index}`);
    place.proved(`198.51.100.${index}`);
    return place;
  });
  const open = [places.take(server), places.take(server)];
  assert.throws(() => places.take(server), isOverloaded);
  places.take("198.51.100.7");
  assert.throws(() => places.take("198.51.100.7"), isOverloaded, "the visitor has two now");
  for (const place of [...visitors, ...open]) place[Symbol.dispose]();
  assert.deepEqual([places.taken, places.addresses], [1, 1]);
});

Deno.test("forged senders get no more than a share, and take nobody's places", () => {
  const places = new SessionPlaces(() => ({ maxSessions: 100, maxSessionsPerAddress: 10 }));
  const victim = "203.0.113.1";
  let begun = 0;
  try {
    for (;; begun++) places.take("192.0.2.1").begun(victim);
  } catch (error) {
    assert.ok(isOverloaded(error));
  }
  assert.equal(begun, 60, "half of all, plus what any address may have");
  for (let count = 0; count < 10; count++) places.take(victim);
  assert.throws(() => places.take(victim), isOverloaded);
  places.take("192.0.2.9");
});

Deno.test("a session whose media comes from the asking address keeps counting there", () => {
  const places = new SessionPlaces(() => ({ maxSessions: 100, maxSessionsPerAddress: 1 }));
  const place = places.take("2001:db8::1");
  place.begun("2001:db8::2");
  place.proved("2001:db8::2");
  assert.throws(() => places.take("2001:db8::3"), isOverloaded);
  place[Symbol.dispose]();
  assert.deepEqual([places.taken, places.addresses], [0, 0]);
});
