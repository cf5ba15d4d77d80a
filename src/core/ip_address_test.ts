import assert from "node:assert/strict";
import { formatIp, parseIp, unmapIp } from "./ip_address.ts";

const CANONICAL: readonly (readonly [written: string, canonical: string])[] = [
  ["0.0.0.0", "0.0.0.0"],
  ["255.255.255.255", "255.255.255.255"],
  ["::", "::"],
  ["::1", "::1"],
  ["1::", "1::"],
  ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["2001:0db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["0:0:0:0:0:0:0:0", "::"],
  ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
  ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
  ["1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"],
];

const INVALID = [
  "",
  "localhost",
  "1.2.3",
  "1.2.3.4.5",
  "1.2.3.256",
  "01.2.3.4",
  "1.2.3.4 ",
  "0x7f.0.0.1",
  "127.1",
  "2130706433",
  ":",
  ":::",
  "1::2::3",
  "1:2:3:4:5:6:7",
  "1:2:3:4:5:6:7:8:9",
  "1:2:3:4:5:6:7:8::",
  "12345::",
  "::1%eth0",
  "[::1]",
  "1.2.3.4::",
  "::1.2.3.4:5",
  "::1.2.3",
  ":1:2:3:4:5:6:7:8",
];

Deno.test("every valid address has one canonical text", () => {
  for (const [written, canonical] of CANONICAL) {
    const bytes = parseIp(written);
    assert.ok(bytes, written);
    assert.equal(formatIp(bytes), canonical);
    assert.deepEqual(parseIp(canonical), bytes, "the canonical text means the same address");
  }
});

Deno.test("anything that is not exactly an address is refused", () => {
  for (const text of INVALID) assert.equal(parseIp(text), undefined, JSON.stringify(text));
});

Deno.test("only mapped IPv4 is unmapped", () => {
  assert.deepEqual(unmapIp(parseIp("::ffff:10.1.2.3") ?? []), [10, 1, 2, 3]);
  const compatible = parseIp("::10.1.2.3") ?? [];
  assert.equal(unmapIp(compatible), compatible);
});
