import assert from "node:assert/strict";
import { type BoundAddress, listensAt, placeOf } from "./fleet.ts";

const HERE = ["127.0.0.1", "10.0.0.1", "192.168.0.1", "::1", "fd00::1"];
const tcp = (host: string, port: number): BoundAddress => ({ transport: "tcp", host, port });
const udp = (host: string, port: number): BoundAddress => ({ transport: "udp", host, port });

Deno.test("a wildcard is every address of the machine, loopback ones included", () => {
  const place = placeOf([tcp("0.0.0.0", 1935), tcp("::", 1985)], HERE);
  for (const host of ["10.0.0.1", "192.168.0.1", "127.0.0.1", "127.1.2.3", "fd00::1", "::1"]) {
    assert.ok(listensAt(place, tcp(host, 1935), HERE), host);
    assert.ok(listensAt(place, tcp(host, 1985), HERE), host);
  }
  assert.ok(!listensAt(place, tcp("10.0.0.2", 1935), HERE));
  assert.ok(!listensAt(place, tcp("10.0.0.1", 1936), HERE));
});

Deno.test("the same number is a different port over UDP", () => {
  const place = placeOf([udp("0.0.0.0", 10080), tcp("0.0.0.0", 1935)], HERE);
  assert.ok(listensAt(place, udp("10.0.0.1", 10080), HERE));
  assert.ok(!listensAt(place, tcp("10.0.0.1", 10080), HERE));
  assert.ok(!listensAt(place, udp("10.0.0.1", 1935), HERE));
});

Deno.test("a proxy on another machine has that machine's addresses, and no loopback ones", () => {
  const there = placeOf([tcp("::", 1935), tcp("127.0.0.1", 1985)], ["127.0.0.1", "10.0.0.2"]);
  assert.deepEqual(there.ips, ["10.0.0.2"]);
  assert.ok(listensAt(there, tcp("10.0.0.2", 1935), HERE));
  assert.ok(!listensAt(there, tcp("10.0.0.1", 1935), HERE));
  assert.ok(!listensAt(there, tcp("127.0.0.1", 1935), HERE));
  assert.ok(!listensAt(there, tcp("127.0.0.1", 1985), HERE));
});

Deno.test("another proxy on this machine is known by a loopback address too", () => {
  const beside = placeOf([tcp("127.0.0.1", 1935), tcp("0.0.0.0", 1985)], HERE);
  assert.ok(listensAt(beside, tcp("127.0.0.1", 1935), HERE));
  assert.ok(listensAt(beside, tcp("127.0.0.1", 1985), HERE));
  const offline = placeOf([tcp("127.0.0.1", 1935)], ["127.0.0.1"]);
  assert.ok(listensAt(offline, tcp("127.0.0.1", 1935), ["127.0.0.1"]));
});
