import assert from "node:assert/strict";
import { accepts, mayBeOffer, mediaTypeOf } from "./wish.ts";

Deno.test("a client that names what it reads is believed", () => {
  const cases: [field: string | null, accepted: boolean][] = [
    [null, true],
    ["", true],
    ["*/*", true],
    ["application/sdp", true],
    ["Application/SDP; q=0.5, text/html", true],
    ["application/json, text/plain, */*", true],
    ["application/*;q=0.1", true],
    ["text/html", false],
    ["application/json", false],
    ["application/sdp;q=0", false],
    ["*/*;q=0.0", false],
  ];
  for (const [field, accepted] of cases) {
    assert.equal(accepts(field, "application/sdp"), accepted, String(field));
  }
});

Deno.test("an offer is known by its type or by its begin", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  assert.equal(mediaTypeOf(" Application/SDP ; charset=utf-8"), "application/sdp");
  assert.equal(mediaTypeOf(undefined), "");
  assert.ok(mayBeOffer("application/sdp", bytes("x")));
  assert.ok(mayBeOffer("text/plain", bytes("v=0\r\n")));
  assert.ok(!mayBeOffer("text/plain", bytes("hello")));
});
