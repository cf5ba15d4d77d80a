import assert from "node:assert/strict";
import { mayBeOffer, mediaTypeOf } from "./wish.ts";

Deno.test("an offer is recognized by its type or by how it begins", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  assert.equal(mediaTypeOf(" Application/SDP ; charset=utf-8"), "application/sdp");
  assert.equal(mediaTypeOf(undefined), "");
  assert.ok(mayBeOffer("application/sdp", bytes("x")));
  assert.ok(mayBeOffer("text/plain", bytes("v=0\r\n")));
  assert.ok(!mayBeOffer("text/plain", bytes("hello")));
});
