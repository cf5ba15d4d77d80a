// Several addresses of an origin for a session's media: how a lane handles silent ones.

import assert from "node:assert/strict";
import { ForwarderWorld, RTP, STUN_ANSWER } from "../../../tests/support/forwarder_world.ts";

const CLIENT = "192.0.2.1:5000";
const OTHER = "198.51.100.1:6000";
const HOSTS = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];

function openSession(options: { readonly maxPaths?: number } = {}): ForwarderWorld {
  const world = new ForwarderWorld(options);
  world.open("a", { otherHosts: HOSTS.slice(1) });
  return world;
}

/** Sends a client's requests as browsers do. @returns the sequence of hosts asked */
function ask(world: ForwarderWorld, milliseconds: number, from = CLIENT): string[] {
  const hosts: string[] = [];
  for (let time = 0; time < milliseconds; time += 200) {
    assert.deepEqual(world.check("a", from), ["a"], "no request is lost");
    const { host } = world.linkOf("a", from)!.origin;
    if (host !== hosts.at(-1)) hosts.push(host);
    world.engine.time += 200;
  }
  return hosts;
}

Deno.test("an origin that is silent at one address is asked at the next, and kept where it answers", () => {
  const world = openSession();
  assert.deepEqual(ask(world, 1_000), HOSTS);
  world.answer("a", CLIENT, STUN_ANSWER);
  assert.deepEqual(ask(world, 5_000), ["10.0.0.3"]);
  assert.deepEqual(
    ask(world, 5_000, OTHER),
    ["10.0.0.3"],
    "also for another address of the client",
  );
  assert.deepEqual(world.send(RTP, CLIENT), ["a"]);
  assert.equal(world.engine.open, 2, "one socket for each address of the client");
});

Deno.test("a distant origin gets more time with each round", () => {
  const world = openSession();
  const rounds = ask(world, 10_000);
  assert.deepEqual(rounds, [...HOSTS, ...HOSTS, ...HOSTS, HOSTS[0]]);
  assert.equal(world.engine.open, 1);
});

Deno.test("if a host refuses, the next address is asked at once", () => {
  const world = openSession();
  ask(world, 200);
  world.refuse("a", CLIENT);
  assert.deepEqual(ask(world, 200), ["10.0.0.2"]);
  world.answer("a", CLIENT, STUN_ANSWER);
  // Later refusals do not move an origin that has answered.
  world.refuse("a", CLIENT);
  assert.deepEqual(ask(world, 2_000), ["10.0.0.2"]);
});

Deno.test("if hosts refuse at all addresses, the session ends as with one", () => {
  const world = openSession();
  for (let time = 0; time <= 2_200; time += 200) {
    ask(world, 200);
    world.refuse("a", CLIENT);
  }
  assert.deepEqual(world.reported("ended"), ["a"]);
  assert.equal(world.engine.open, 0);
});

Deno.test("an address without a route is skipped", () => {
  const world = openSession();
  world.engine.noWayTo.push("10.0.0.1", "10.0.0.2");
  assert.deepEqual(ask(world, 2_000), ["10.0.0.3"]);
  world.engine.noWayTo.push("10.0.0.3");
  assert.deepEqual(world.check("a", OTHER), []);
  assert.deepEqual(ask(world, 2_000), ["10.0.0.3"], "a path with a socket keeps it");
  world.engine.noWayTo.length = 0;
  assert.ok(ask(world, 4_000).includes("10.0.0.1"));
  assert.equal(world.dropped("socket_limit"), 1);
});
