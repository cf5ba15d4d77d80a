import assert from "node:assert/strict";
import { parseCidr } from "./cidr.ts";
import { type ForwardedBy, trustedWay } from "./client_address.ts";

const BALANCERS = ["10.0.0.0/8", "2001:db8::/32"].map(parseCidr);

function way(peer: string, forwardedFor: readonly string[] = [], realIp?: string): string {
  const said: ForwardedBy = { peer, forwardedFor, realIp };
  return trustedWay(said, BALANCERS).join(" ");
}

for (
  const [what, told, right] of [
    ["a stranger's word", way("203.0.113.1", ["6.6.6.6"], "7.7.7.7"), "203.0.113.1"],
    ["a balancer's", way("10.0.0.1", ["203.0.113.9"]), "203.0.113.9 10.0.0.1"],
    ["a claim before it", way("10.0.0.1", ["6.6.6.6, 203.0.113.9"]), "203.0.113.9 10.0.0.1"],
    [
      "a claim in a field before it",
      way("10.0.0.1", ["6.6.6.6", "203.0.113.9"]),
      [
        "203.0.113.9 10.0.0.1",
      ].join(),
    ],
    [
      "a claim to be a balancer",
      way("10.0.0.1", ["10.6.6.6, 203.0.113.9"]),
      [
        "203.0.113.9 10.0.0.1",
      ].join(),
    ],
    [
      "two balancers",
      way("10.0.0.1", ["6.6.6.6, 203.0.113.9 ,10.0.0.2"]),
      [
        "203.0.113.9 10.0.0.2 10.0.0.1",
      ].join(),
    ],
    ["nobody but balancers", way("10.0.0.1", ["10.0.0.3,10.0.0.2"]), "10.0.0.3 10.0.0.2 10.0.0.1"],
    ["X-Real-IP alone", way("10.0.0.1", [], "203.0.113.9"), "203.0.113.9 10.0.0.1"],
    [
      "X-Real-IP beside a chain",
      way("10.0.0.1", ["203.0.113.9"], "6.6.6.6"),
      [
        "203.0.113.9 10.0.0.1",
      ].join(),
    ],
    ["a port", way("10.0.0.1", ["203.0.113.9:1234"]), "203.0.113.9 10.0.0.1"],
    ["version 6", way("2001:db8::1", ["2001:DB9::0:9"]), "2001:db9::9 2001:db8::1"],
    ["version 6 with a port", way("10.0.0.1", ["[2001:db9::9]:80"]), "2001:db9::9 10.0.0.1"],
    [
      "version 4 in version 6",
      way("::ffff:10.0.0.1", ["::ffff:203.0.113.9"]),
      [
        "203.0.113.9 ::ffff:10.0.0.1",
      ].join(),
    ],
    ["no address", way("10.0.0.1", ["203.0.113.9, unknown"]), "10.0.0.1"],
    ["nothing", way("10.0.0.1", [""]), "10.0.0.1"],
    ["too much", way("10.0.0.1", ["1".repeat(10_000)]), "10.0.0.1"],
  ] as const
) {
  Deno.test(`the trusted part of X-Forwarded-For: ${what}`, () => assert.equal(told, right));
}
