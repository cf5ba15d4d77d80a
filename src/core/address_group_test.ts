import assert from "node:assert/strict";
import { AddressCounts, addressGroup } from "./address_group.ts";

Deno.test("an IPv6 client counts as its /64, an IPv4 client as itself", () => {
  const cases: [ip: string, group: string][] = [
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::ffff:c000:201", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:DB8:1:2:ffff::", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::", "2001:db8:1:2::/64"],
    ["2001:db8:1:3::", "2001:db8:1:3::/64"],
    ["::1", "::/64"],
    ["nowhere", "nowhere"],
  ];
  for (const [ip, group] of cases) assert.equal(addressGroup(ip), group, ip);
});

Deno.test("addresses of one /64 are counted together, and forgotten when nothing is left", () => {
  const counts = new AddressCounts();
  for (let host = 1; host <= 20; host++) counts.add(`2001:db8:1:2::${host.toString(16)}`);
  counts.add("2001:db8:1:3::1");
  counts.add("192.0.2.1");
  counts.add("::ffff:192.0.2.1");
  assert.equal(counts.of("2001:db8:1:2:ffff:ffff:ffff:ffff"), 20);
  assert.equal(counts.of("2001:db8:1:3::2"), 1);
  assert.deepEqual([counts.of("192.0.2.1"), counts.of("192.0.2.2")], [2, 0]);
  for (let host = 1; host <= 20; host++) counts.remove(`2001:db8:1:2::${host.toString(16)}`);
  counts.remove("2001:db8:1:3::9");
  counts.remove("::ffff:192.0.2.1");
  assert.deepEqual([counts.of("2001:db8:1:2::1"), counts.of("192.0.2.1"), counts.size], [0, 1, 1]);
});
