import assert from "node:assert/strict";
import { matchesHost, normalizeHostName, normalizeHostPattern } from "./host_name.ts";

Deno.test("names as in DNS and on container platforms", () => {
  const names = [
    ["srs-1", "srs-1"],
    ["SRS-1.Media.SVC.cluster.local.", "srs-1.media.svc.cluster.local"],
    ["my_stack_srs", "my_stack_srs"],
    ["1a.example.com", "1a.example.com"],
    [`${"a".repeat(63)}.x`, `${"a".repeat(63)}.x`],
  ] as const;
  for (const [text, name] of names) assert.equal(normalizeHostName(text), name);
});

Deno.test("an invalid name, or one that could be read as an address, is refused", () => {
  const bad = ["", ".", "a..b", "-a", "a-", "a b", "a/b", "a@b", "a:1", "[::1]", "::1", "ä.de"];
  bad.push("1.2.3", "127.0.0.1", "0x7f.1", "2130706433", "1", "a.0x7f", "a.1", "*.a");
  bad.push(`${"a".repeat(64)}.x`, "a.".repeat(127) + "a", ".".repeat(65_536), "a-".repeat(32_768));
  for (const text of bad) assert.equal(normalizeHostName(text), undefined, text.slice(0, 40));
});

Deno.test("a pattern means one name, or all below one", () => {
  assert.equal(normalizeHostPattern("*.Example.com."), "*.example.com");
  for (const bad of ["*", "*.", "a.*", "**.a", "*a.b"]) {
    assert.equal(normalizeHostPattern(bad), undefined, bad);
  }
  assert.ok(matchesHost("srs-1", "srs-1"));
  assert.ok(matchesHost("*.example.com", "a.b.example.com"));
  for (const name of ["example.com", "badexample.com", "a.example.com.evil.net"]) {
    assert.ok(!matchesHost("*.example.com", name), name);
  }
});
