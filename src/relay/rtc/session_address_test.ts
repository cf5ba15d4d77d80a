import assert from "node:assert/strict";
import { proofOf, readLocation, sessionAddress } from "./session_address.ts";

const CONTEXT = {
  host: "tv.example:11985",
  path: "/rtc/v1/whip/",
  originAddresses: [{ host: "10.0.0.5", port: 1985 }, { host: "2001:db8::5", port: 80 }],
};

Deno.test("a Location at the origin is told from others", () => {
  const own: [location: string, path: string, query: string][] = [
    ["/rtc/v1/whip/?action=delete&session=a:b", "/rtc/v1/whip/", "action=delete&session=a:b"],
    ["x?y=1#z", "/rtc/v1/whip/x", "y=1"],
    ["?y=1", "/rtc/v1/whip/", "y=1"],
    ["http://10.0.0.5:1985/rtc/v1/whip/x", "/rtc/v1/whip/x", ""],
    ["http://[2001:DB8::5]/rtc/v1/whip/x", "/rtc/v1/whip/x", ""],
    ["//TV.example:11985/rtc/v1/whip/x", "/rtc/v1/whip/x", ""],
    ["/rtc/v1/../../api/v1/clients", "/api/v1/clients", ""],
    ["/rtc/v1/a b\r\nc", "/rtc/v1/a%20bc", ""],
  ];
  for (const [location, path, query] of own) {
    assert.deepEqual(readLocation(location, CONTEXT), { place: "origin", path, query }, location);
  }
  const others = [
    "http://evil.example/rtc/v1/whip/x",
    "http://10.0.0.5:8080/x",
    "https://10.0.0.5/x",
    "//evil.example",
    "http://tv.example/x",
  ];
  for (const location of others) {
    assert.deepEqual(readLocation(location, CONTEXT), { place: "elsewhere" }, location);
  }
  for (const location of ["javascript:alert(1)", "ftp://tv.example/", "http://", "http://a:x/"]) {
    assert.equal(readLocation(location, CONTEXT), undefined, location);
  }
});

Deno.test("a session URL has its tag once, as its last parameter", () => {
  assert.equal(sessionAddress("/rtc/v1/whip/", "a=1", "T"), "/rtc/v1/whip/?a=1&spbsid=T");
  assert.equal(sessionAddress("/rtc/v1/whip/x", "", "T"), "/rtc/v1/whip/x?spbsid=T");
  assert.equal(sessionAddress("/x", "spbsid=S&b=2", "T"), "/x?b=2&spbsid=T");
});

Deno.test("a proof depends on everything in the URL, and on the password", () => {
  const session = {
    user: "abcd:efgh",
    password: "p".repeat(24),
    stream: "__defaultVhost__/live/show",
    intent: "publish",
    origin: "vid-1",
    media: { host: "10.0.0.5", port: 8000 },
  } as const;
  const proofs = [
    session,
    { ...session, user: "abcd:efgx" },
    { ...session, password: "q".repeat(24) },
    { ...session, stream: "__defaultVhost__/live/other" },
    { ...session, intent: "play" } as const,
    { ...session, origin: "vid-2" },
  ].map(proofOf);
  assert.equal(new Set(proofs).size, proofs.length);
  for (const proof of proofs) assert.match(proof, /^[\w-]{11}$/);
  const moved = { ...session, media: { host: "10.0.0.5", port: 8001 } };
  assert.equal(proofOf(moved), proofs[0]);
});
