import assert from "node:assert/strict";
import { addressKind, cidrContains, parseCidr } from "./cidr.ts";
import { ProxyError } from "./errors.ts";

function isBadRequest(error: unknown): boolean {
  return error instanceof ProxyError && error.code === "bad_request";
}

Deno.test("a range contains its first and last address and neither neighbour", () => {
  const cases = [
    ["10.0.0.0/8", "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"],
    ["192.168.4.0/22", "192.168.4.0", "192.168.7.255", "192.168.3.255", "192.168.8.0"],
    ["192.168.1.77/24", "192.168.1.0", "192.168.1.255", "192.168.0.255", "192.168.2.0"],
    ["1.2.3.4", "1.2.3.4", "1.2.3.4", "1.2.3.3", "1.2.3.5"],
    ["1.2.3.4/31", "1.2.3.4", "1.2.3.5", "1.2.3.3", "1.2.3.6"],
    ["2001:db8::/33", "2001:db8::", "2001:db8:7fff:ffff::", "2001:db7::", "2001:db8:8000::"],
    ["::1", "::1", "::1", "::", "::2"],
    ["::ffff:10.0.0.0/104", "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"],
  ] as const;
  for (const [range, first, last, before, after] of cases) {
    const cidr = parseCidr(range);
    assert.ok(cidrContains(cidr, first), `${range} holds ${first}`);
    assert.ok(cidrContains(cidr, last), `${range} holds ${last}`);
    assert.ok(!cidrContains(cidr, before), `${range} does not hold ${before}`);
    assert.ok(!cidrContains(cidr, after), `${range} does not hold ${after}`);
  }
});

Deno.test("a range contains addresses of its own family only; mapped IPv4 is IPv4", () => {
  assert.ok(cidrContains(parseCidr("0.0.0.0/0"), "203.0.113.9"));
  assert.ok(cidrContains(parseCidr("0.0.0.0/0"), "::ffff:203.0.113.9"));
  assert.ok(!cidrContains(parseCidr("0.0.0.0/0"), "2001:db8::1"));
  assert.ok(cidrContains(parseCidr("::/0"), "2001:db8::1"));
  assert.ok(!cidrContains(parseCidr("::/0"), "203.0.113.9"));
  assert.ok(!cidrContains(parseCidr("0.0.0.0/0"), "example.com"));
});

Deno.test("an invalid range is refused", () => {
  for (
    const text of [
      "",
      "/8",
      "10.0.0.0/33",
      "::/129",
      "10.0.0.0/-1",
      "10/8",
      "host/8",
      "1.2.3.4/8/8",
    ]
  ) {
    assert.throws(() => parseCidr(text), isBadRequest, text);
  }
});

Deno.test("every kind of address is recognized, whatever form hides it", () => {
  const cases: [string, string[]][] = [
    ["unspecified", ["0.0.0.0", "::", "::ffff:0.0.0.0", "64:ff9b::0.0.0.0"]],
    ["loopback", ["127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1", "::127.0.0.1"]],
    ["loopback", ["64:ff9b::7f00:1", "2002:7f00:1::1"]],
    ["link_local", ["169.254.169.254", "fe80::1", "febf::1", "::ffff:a9fe:a9fe"]],
    ["multicast", ["224.0.0.1", "239.255.255.255", "ff02::1", "64:ff9b::224.0.0.1"]],
    ["broadcast", ["255.255.255.255", "::ffff:255.255.255.255"]],
    ["reserved", ["0.1.2.3", "240.0.0.1", "255.255.255.254", "2001::1", "64:ff9b:1::1", "100::1"]],
    ["metadata", ["168.63.129.16", "100.100.100.200", "fd00:ec2::254", "fd00:ec2::23"]],
    ["metadata", ["::ffff:100.100.100.200", "64:ff9b::a83f:8110", "2002:6464:64c8::1"]],
    ["metadata", ["::168.63.129.16", "fd20:ce::254"]],
    ["private", ["100.100.100.199", "100.100.100.201", "fd00:ec1::254"]],
    ["global", ["168.63.129.15", "168.63.129.17"]],
    ["private", ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1"]],
    ["private", ["fd00::1", "fec0::1", "198.18.0.1"]],
    ["global", ["8.8.8.8", "172.32.0.1", "100.128.0.1", "223.255.255.255", "2606:4700::1111"]],
    ["global", ["::ffff:8.8.8.8", "2002:808:808::1"]],
  ];
  for (const [kind, addresses] of cases) {
    for (const address of addresses) assert.equal(addressKind(address), kind, address);
  }
});

Deno.test("a host name has no kind", () => {
  assert.throws(() => addressKind("localhost"), isBadRequest);
});
