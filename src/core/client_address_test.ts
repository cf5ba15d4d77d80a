import assert from "node:assert/strict";
import { parseCidr } from "./cidr.ts";
import { addressGroup, clientAddress } from "./client_address.ts";

const TRUSTED = [parseCidr("10.0.0.0/8"), parseCidr("fd00::/8")];

Deno.test("a client is looked for behind balancers that are trusted, and behind no others", () => {
  const cases: [peer: string, chain: readonly string[], client: string][] = [
    ["192.0.2.1", [], "192.0.2.1"],
    ["192.0.2.1", ["6.6.6.6"], "192.0.2.1"],
    ["10.0.0.1", [], "10.0.0.1"],
    ["10.0.0.1", ["192.0.2.1"], "192.0.2.1"],
    ["10.0.0.1", ["6.6.6.6, 192.0.2.1"], "192.0.2.1"],
    ["10.0.0.1", ["6.6.6.6", "192.0.2.1, 10.0.0.2"], "192.0.2.1"],
    ["10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"],
    ["10.0.0.1", ["192.0.2.1:4711"], "192.0.2.1"],
    ["10.0.0.1", ["::ffff:192.0.2.1"], "192.0.2.1"],
    ["fd00::1", ["[2001:db8::1]:4711"], "2001:db8::1"],
    ["fd00::1", ["2001:DB8:0::1"], "2001:db8::1"],
    ["10.0.0.1", ["6.6.6.6, unknown"], "10.0.0.1"],
    ["10.0.0.1", ["6.6.6.6, "], "10.0.0.1"],
    ["10.0.0.1", ["6.6.6.6, 10.0.0.2, ,10.0.0.3"], "10.0.0.3"],
    ["10.0.0.1", [`6.6.6.6, ${"1".repeat(60_000)}`], "10.0.0.1"],
    ["10.0.0.1", [",".repeat(60_000)], "10.0.0.1"],
  ];
  for (const [peer, chain, client] of cases) {
    assert.equal(clientAddress(peer, chain, TRUSTED), client, `${peer} ${chain}`.slice(0, 100));
  }
});

Deno.test("a chain without end is not followed without end", () => {
  const chain = "10.0.0.2,".repeat(10_000);
  assert.equal(clientAddress("10.0.0.1", [`6.6.6.6,${chain}10.0.0.9`], TRUSTED), "10.0.0.2");
});

Deno.test("an IPv6 client counts as its /64, an IPv4 client as itself", () => {
  const cases: [ip: string, group: string][] = [
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::", "2001:db8:1:2::/64"],
    ["::1", "::/64"],
    ["nowhere", "nowhere"],
  ];
  for (const [ip, group] of cases) assert.equal(addressGroup(ip), group);
});
