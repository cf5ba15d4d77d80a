import assert from "node:assert/strict";
import { HANDSHAKE_ANSWER, HANDSHAKE_GREETING } from "../../protocol/rtmp/handshake.ts";
import { CLIENT_GREETING, isMarked, markGreeting, ORIGIN_GREETING } from "./greeting.ts";

Deno.test("only the greeting for clients is recognized as a proxy's", () => {
  assert.ok(isMarked(CLIENT_GREETING));
  const answer = new Uint8Array(HANDSHAKE_ANSWER);
  answer.set(CLIENT_GREETING);
  assert.ok(isMarked(answer));
  assert.ok(!isMarked(ORIGIN_GREETING), "an origin that echoes what it was sent is not a proxy");
  assert.ok(!isMarked(new Uint8Array(HANDSHAKE_GREETING)));
  const other = crypto.getRandomValues(new Uint8Array(HANDSHAKE_GREETING));
  assert.ok(!isMarked(other));
  assert.ok(isMarked(markGreeting(other)));
});
